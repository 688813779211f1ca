# The sources of the accelerator in the order in which they are read, packages first. brim_pkg.sv, which is
# generated, comes before them all.
set(FP_SOURCES latency_pkg.sv delay.sv align_right.sv normalise.sv fp_round.sv fp_add.sv fp_add_small.sv fp_mul.sv int_to_fp.sv fp_to_int.sv
    fp16_to_fp.sv fp_to_fp16.sv)
set(VPU_SOURCES ${FP_SOURCES} fp_scale.sv vpu_pkg.sv ultra_ram.sv ram.sv adder_tree.sv packed_multiplier.sv weight_pairing.sv
    metadata_buffer.sv activation_refill.sv unpacker.sv stream_check.sv result_reader.sv score_max.sv kv_collect.sv kv_issue.sv kv_operands.sv kv_tags.sv value_sums.sv kv_unit.sv vpu_lane.sv vpu.sv)
set(COMPUTE_SOURCES ${VPU_SOURCES} spu_pkg.sv fp_exp.sv a16_block.sv sum16.sv score_buffer.sv expert_choice.sv expert_list.sv spu_lane.sv spu_microcode.sv
    spu_issue.sv spu_pipeline.sv spu_writes.sv a16_progress.sv stream_memory.sv embedding_row.sv local_kv.sv value_scales.sv
    spu_operands.sv spu_sequence.sv spu.sv compute.sv)
set(MCU_SOURCES mcu_pkg.sv queue.sv port_fifo.sv axi_read_port.sv mcu_join.sv mcu_pieces.sv mcu_commands.sv mcu.sv)
set(CONTROL_SOURCES stream_slice.sv axi_read_slice.sv axi_write_slice.sv control_pkg.sv registers.sv counter.sv counters.sv pass_control.sv pass_check.sv fetch.sv
    instruction_check.sv expert_steps.sv sequencer.sv write_port.sv)
set(TOP_SOURCES ${COMPUTE_SOURCES} ${MCU_SOURCES} prefetch_fifo.sv ${CONTROL_SOURCES} brim_top.sv)
