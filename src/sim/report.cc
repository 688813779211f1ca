#include "sim/report.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/concat.h"
#include "base/units.h"
#include "sim/chart.h"
#include "sim/limits.h"

namespace brim::sim {
namespace {

constexpr const char* kBlue = "#2f6db5";
constexpr const char* kRed = "#b5402f";
constexpr const char* kGreen = "#2e7d4f";
constexpr const char* kGrey = "#777777";

// Beats first, then the stalls.
constexpr std::array<const char*, kStalls + 1> kCycleColours = {"#2f6db5", "#c9d3de", "#e08a1e", "#b5402f",
                                                                "#8e5bb0", "#d4b106", "#2e7d4f", "#555555"};
constexpr const char* kStyle = R"(
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #ffffff; margin: 0 auto; max-width: 920px;
  padding: 24px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 36px 0 6px; }
p { margin: 6px 0; } .note { color: #56606c; } code { background: #f2f4f7; padding: 1px 5px; border-radius: 3px; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
svg text { fill: #1c2430; } svg text.tick { fill: #56606c; } svg line.grid { stroke: #e4e8ed; }
table { border-collapse: collapse; width: 100%; margin-top: 8px; font-size: 14px; }
td, th { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid #e4e8ed; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.cards { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0; }
.card { flex: 1 1 180px; border: 1px solid #dde2e8; border-radius: 6px; padding: 10px 14px; }
.card b { display: block; font-size: 24px; } .card span { color: #56606c; font-size: 13px; }
.swatch { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin-right: 6px; }
)";

std::string number(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string percent(double share) { return number(100 * share, 2) + "%"; }

std::string card(const std::string& value, const std::string& meaning) {
  return concat("<div class=\"card\"><b>", value, "</b><span>", escaped(meaning), "</span></div>\n");
}

std::string swatch(const std::string& colour) {
  return concat("<span class=\"swatch\" style=\"background:", colour, "\"></span>");
}

const char* region_colour(RegionKind kind) {
  switch (kind) {
    case RegionKind::kWeights:
      return kBlue;
    case RegionKind::kKv:
      return kGreen;
    case RegionKind::kKvScales:
      return "#7bc29a";
    case RegionKind::kEmbedding:
      return "#d4b106";
    case RegionKind::kReserved:
      return kRed;
    default:
      return "#8e5bb0";
  }
}

std::string memory_map(const ReportInput& input) {
  constexpr double kWidth = 860, kBar = 46, kRow = 84;
  const auto& memories = input.board.regions;
  std::string svg = concat("<svg viewBox=\"0 0 ", kWidth, " ", kRow * static_cast<double>(memories.size()),
                           "\" role=\"img\">\n");
  double y = 18;
  for (const MemoryRegion& memory : memories) {
    char title[96];
    std::snprintf(title, sizeof title, "0x%llx, %llu MiB", static_cast<unsigned long long>(memory.base),
                  static_cast<unsigned long long>(memory.bytes >> 20));
    svg += concat("<text x=\"0\" y=\"", y, "\">", escaped(memory.name), " at ", title,
                  "</text><rect x=\"0\" y=\"", y + 8, "\" width=\"", kWidth, "\" height=\"", kBar,
                  "\" fill=\"#f2f4f7\"/>\n");
    for (const PlannedRegion& region : input.subject.regions) {
      if (!memory.range().contains(region.address)) continue;
      const double scale = kWidth / static_cast<double>(memory.bytes);
      svg += concat("<rect x=\"", number(static_cast<double>(region.address - memory.base) * scale, 2),
                    "\" y=\"", y + 8, "\" width=\"",
                    number(std::max(1.0, static_cast<double>(region.bytes) * scale), 2), "\" height=\"", kBar,
                    "\" fill=\"", region_colour(region.kind), "\"><title>", escaped(region.name),
                    "</title></rect>\n");
    }
    y += kRow;
  }
  svg +=
      "</svg>\n<table><tr><th>region</th><th class=\"number\">address</th><th "
      "class=\"number\">MiB</th></tr>\n";
  for (const PlannedRegion& region : input.subject.regions) {
    char address[32];
    std::snprintf(address, sizeof address, "0x%llx", static_cast<unsigned long long>(region.address));
    svg += concat("<tr><td>", swatch(region_colour(region.kind)), escaped(region.name),
                  "</td><td class=\"number\">", address, "</td><td class=\"number\">",
                  number(static_cast<double>(region.bytes) / (1 << 20), 2), "</td></tr>\n");
  }
  return svg + "</table>\n";
}

// The pass whose inside is shown: the first generated token's, else the prompt's last.
const Sample& shown_pass(const RunResult& run) {
  for (const Sample& sample : run.samples) {
    if (sample.request.tokens == 1 && sample.request.logits) return sample;
  }
  return run.samples.back();
}

std::string described(const Sample& sample) {
  const uint32_t tokens = sample.request.tokens;
  return concat("a pass of ", tokens, tokens == 1 ? " token" : " tokens", " at position ",
                sample.request.position);
}

Chart bandwidth(const ReportInput& input, const Sample& sample) {
  const Histogram& moved = sample.result.moved;
  const double clock = input.board.accelerator.clock_mhz * 1e6;
  const double seconds = static_cast<double>(moved.cycles_per_bin) / clock;
  const double peak = input.board.ddr.peak_bytes_per_second() / 1e9;
  std::vector<Point> points;
  for (size_t i = 0; i + 1 < moved.beats.size(); ++i) {  // the last bin is not full
    // A burst counts where its command is, so a bin may have part of one too much.
    const double rate = std::min(peak, moved.beats[i] * 64.0 / seconds / 1e9);
    points.push_back({(static_cast<double>(i) + 0.5) * seconds * 1e3, rate});
  }
  const double end = static_cast<double>(sample.result.cycles) / clock * 1e3;
  Chart chart({"time since the start of the pass, ms", 0, end}, {"1e9 bytes per second", 0, peak * 1.08});
  chart.area(points, kBlue);
  chart.dashed({0, peak}, {end, peak}, kRed);
  chart.label({end, peak}, concat("peak ", short_number(peak)), "end", -5);
  return chart;
}

std::string cycles(const Sample& sample) {
  std::array<double, kStalls + 1> parts{};
  parts[0] = static_cast<double>(sample.result.taken_cycles);
  for (uint32_t i = 0; i < kStalls; ++i) parts[i + 1] = static_cast<double>(sample.result.stalls[i]);
  const double all = static_cast<double>(sample.result.cycles);
  std::string svg = "<svg viewBox=\"0 0 860 60\" role=\"img\">\n";
  std::string table =
      "<table><tr><th>cycles in which</th><th class=\"number\">cycles</th><th "
      "class=\"number\">share</th></tr>\n";
  double x = 0;
  for (uint32_t i = 0; i <= kStalls; ++i) {
    const double width = parts[i] / all * 860;
    svg += concat("<rect x=\"", number(x, 2), "\" y=\"6\" height=\"46\" width=\"", number(width, 2),
                  "\" fill=\"", kCycleColours[i], "\"/>\n");
    x += width;
    table += concat("<tr><td>", swatch(kCycleColours[i]),
                    i == 0 ? "a beat leaves the prefetch FIFO"
                           : concat(registers::kStalls[i - 1].name, ": ", registers::kStalls[i - 1].meaning),
                    "</td><td class=\"number\">", short_number(parts[i]), "</td><td class=\"number\">",
                    number(100 * parts[i] / all, 3), "%</td></tr>\n");
  }
  return svg + "</svg>\n" + table + "</table>\n";
}

std::string over_context(const ReportInput& input) {
  const double clock = input.board.accelerator.clock_mhz * 1e6;
  std::map<uint32_t, double> rates;
  const auto add = [&](const Sample& sample) {
    if (sample.request.tokens == 1 && sample.request.logits) {
      rates[sample.request.position] = clock / static_cast<double>(sample.result.cycles);
    }
  };
  for (const Sample& sample : input.run.samples) add(sample);
  for (const Sample& sample : input.further_decode) add(sample);
  std::vector<Point> points;
  double fastest = 0;
  for (const auto& [position, rate] : rates) {
    points.push_back({static_cast<double>(position), rate});
    fastest = std::max(fastest, rate);
  }
  const double limit = shares_of(input.board, input.subject, input.run).limit_tokens_per_second;
  const double top = std::max(limit, fastest) * 1.1;
  const double end = input.subject.context();
  Chart chart({"tokens in the context", 0, end}, {"tokens per second", 0, top});
  chart.dashed({0, limit}, {end, limit}, kRed);
  chart.label({end, limit}, concat("4-bit weights alone at peak bandwidth: ", number(limit, 2)), "end", -5);
  chart.line(points, kBlue);
  for (const Point& point : points) chart.mark(point, kBlue);
  if (!points.empty()) {
    chart.label(points.front(), number(points.front().y, 2), "start", 20);
    chart.label(points.back(), number(points.back().y, 2), "end", 20);
  }
  return chart.svg();
}

std::string roofline(const ReportInput& input) {
  const double clock = input.board.accelerator.clock_mhz * 1e6;
  const double peak = input.board.ddr.peak_bytes_per_second() / 1e9;
  const double lanes =
      static_cast<double>(input.board.accelerator.vpu_lanes) * 2 * clock / 1e9;  // of one token
  std::map<uint32_t, Point> points;                                              // by tokens of the pass
  double widest = 8;
  for (const Sample& sample : input.run.samples) {
    const uint32_t t = sample.request.tokens;
    // Prompt passes without logits leave lm_head out: not comparable.
    if (!sample.request.logits || points.contains(t)) continue;
    const double operations = 2.0 * static_cast<double>(input.subject.streamed_weights) * t;
    const double seconds = static_cast<double>(sample.result.cycles) / clock;
    const double intensity = operations / static_cast<double>(sample.result.beats() * kBeatBytes);
    points[t] = {intensity, operations / seconds / 1e9};
    widest = std::max({widest, 8.0 * t, intensity * 2});
  }
  const double low = 1, high = std::max(32.0, widest);
  Chart chart({"operations per byte moved", low, high, true},
              {"1e9 operations per second", peak * low / 2, lanes * points.rbegin()->first * 2, true});
  // A roof for every point: what the VPU does for so many tokens at once.
  for (const auto& [t, point] : points) {
    const double roof = lanes * t;
    const double ridge = std::clamp(roof / peak, low, high);
    chart.line({{low, peak * low}, {ridge, peak * ridge}, {high, roof}}, t == 1 ? kGrey : kRed);
    chart.label({high, roof}, concat("VPU, T = ", t), "end", -6);
  }
  chart.label({low, peak * low}, concat("memory, ", short_number(peak), "e9 B/s"), "start", 18);
  for (const auto& [t, point] : points) {
    chart.mark(point, kBlue);
    chart.label(point, concat("T = ", t, ": ", short_number(point.y)), "start", 16);
  }
  return chart.svg();
}

std::string ceilings(const ReportInput& input) {
  std::string table =
      "<table><tr><th>at most</th><th class=\"number\">1e9 B/s</th><th class=\"number\">used</th></tr>\n";
  for (const Ceiling& ceiling : ceilings_of(input.board)) {
    table += concat("<tr><td>", escaped(ceiling.meaning), "</td><td class=\"number\">",
                    number(ceiling.bytes_per_second / 1e9, 2), "</td><td class=\"number\">",
                    percent(share_of(ceiling, input.board, input.run)), "</td></tr>\n");
  }
  return table + "</table>\n";
}

std::string summary_table(const ReportInput& input, const Shares& shares, const Limit& limit) {
  const RunResult& run = input.run;
  const PassResult& worst = run.samples[run.worst].result;
  std::string table = "<table>\n";
  const auto row = [&](const std::string& name, const std::string& value, const std::string& meaning) {
    table += concat("<tr><td>", escaped(name), "</td><td class=\"number\">", escaped(value), "</td><td>",
                    escaped(meaning), "</td></tr>\n");
  };
  row("time", with_unit(shares.seconds, "s"),
      run.interpolated_passes > 0
          ? concat("all passes; interpolated between ", run.samples.size(),
                   " exact ones, off by at most about ", number(100 * shares.error_bound_share, 4), "%")
          : "all passes, each of them exact");
  row("time to first token", with_unit(shares.ttft_seconds, "s"),
      concat("prompt in passes of up to ", run.tokens_per_pass, " tokens, logits of the last included"));
  row("bytes per token", with_unit(shares.bytes_per_token, "B"),
      concat("read and written, mean of the ", shares.counted, " tokens"));
  row("bandwidth_share", percent(shares.bandwidth_share), "bytes moved / time / peak");
  row("limit_share", percent(shares.limit_share),
      concat(shares.counted, " tokens per second / (peak / 0.5 B x ",
             short_number(static_cast<double>(input.subject.streamed_weights)),
             " weights = ", number(shares.limit_tokens_per_second, 3), " token/s)"));
  row("ddr_limited_share", percent(shares.ddr_limited_share),
      "time that the path to memory needs for the same requests, with a consumer that is always ready / "
      "time");
  row("limit", limit.name, limit.reason);
  row("worst bubble", short_number(static_cast<double>(worst.worst_bubble.cycles)) + " cycles",
      concat(name_of(worst.worst_bubble.cause), ", at position ", run.samples[run.worst].request.position,
             "; the prefetch FIFO bridges ", input.board.accelerator.prefetch_fifo_beats));
  return table + "</table>\n";
}

}  // namespace

std::string html_report(const ReportInput& input) {
  const Shares shares = shares_of(input.board, input.subject, input.run);
  const Sample& shown = shown_pass(input.run);
  const Totals all = input.run.all();
  const Limit limit = limit_of(input.board, input.run);
  std::string html = concat("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>",
                            escaped(input.subject.name), " on ", escaped(input.board.name), "</title><style>",
                            kStyle, "</style></head><body>\n");
  html += concat("<h1>", escaped(input.subject.name), " on ", escaped(input.board.name),
                 "</h1>\n<p class=\"note\">", escaped(input.board.description), ". Simulated by <code>",
                 escaped(input.command), "</code>; no board was measured.</p>\n<div class=\"cards\">\n");
  html += card(number(shares.tokens_per_second, 2),
               concat("tokens per second over all ", all.tokens, " tokens, prompt included"));
  html += card(with_unit(shares.ttft_seconds, "s"),
               concat("to the first token after ", input.run.prompt.tokens, " of prompt"));
  html += card(percent(shares.bandwidth_share), "of the memory's peak bandwidth");
  html += card(percent(shares.ddr_limited_share), "of what the path to memory can do for this stream");
  html += card(escaped(limit.name), "limits the speed");
  html += "</div>\n" + summary_table(input, shares, limit);
  const std::string pass_name = described(shown);
  html += concat("<h2>Bandwidth over ", pass_name, "</h2>\n", bandwidth(input, shown).svg());
  html += concat("<h2>Where the cycles of ", pass_name, " go</h2>\n", cycles(shown));
  html += concat("<h2>Speed over the context</h2>\n", over_context(input));
  html += concat("<h2>Roofline</h2>\n", roofline(input));
  html += concat(
      "<h2>Ceilings</h2>\n<p class=\"note\">What the parts of this board let through, and how much of "
      "it the run used. The limit: ",
      escaped(limit.reason), ".</p>\n", ceilings(input));
  html += concat("<h2>Memory map</h2>\n<p class=\"note\">",
                 percent(static_cast<double>(input.subject.used_bytes) /
                         static_cast<double>(input.subject.capacity_bytes)),
                 " of ", input.subject.capacity_bytes >> 20, " MiB used; context of ",
                 input.subject.context(), " tokens.</p>\n", memory_map(input));
  return html + "</body></html>\n";
}

std::string bandwidth_picture(const ReportInput& input) {
  const Sample& shown = shown_pass(input.run);
  Chart chart = bandwidth(input, shown);
  const double peak = input.board.ddr.peak_bytes_per_second() / 1e9;
  chart.label({0, 0},
              concat(input.subject.name, " on ", input.board.name,
                     ", simulated: bytes that the memory moves in ", described(shown), ", ",
                     percent(static_cast<double>(shown.result.beats() * kBeatBytes) *
                             input.board.accelerator.clock_mhz * 1e6 /
                             static_cast<double>(shown.result.cycles) / (peak * 1e9)),
                     " of the peak"),
              "start", -8);
  return chart.document();
}

}  // namespace brim::sim
