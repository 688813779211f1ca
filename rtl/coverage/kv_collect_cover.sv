// Functional points of kv_collect: where the pass's own positions lie in a page, and a stream that waits.
`default_nettype none
module kv_collect_cover (
    input wire clk_i,
    input wire rst_ni,
    input wire page_filled,
    input wire stream_some_q,
    input wire own_some_q,
    input wire last_page_q,
    input wire page_free,
    input wire beat_valid_i,
    input wire beat_ready_o
);
  default clocking @(posedge clk_i);
  endclocking
  wire filled = rst_ni && page_filled;
  page_of_the_stream_alone: cover property (filled && stream_some_q && !own_some_q);
  page_of_stream_and_own: cover property (filled && stream_some_q && own_some_q && last_page_q);
  page_of_own_alone: cover property (filled && !stream_some_q);
  own_positions_in_two_pages: cover property (filled && own_some_q && !last_page_q);
  stream_waits_for_a_page: cover property (rst_ni && beat_valid_i && !page_free && !beat_ready_o);
endmodule
bind kv_collect kv_collect_cover u_cover (.page_filled(run_i && fill_q == FULL), .*);
`default_nettype wire
