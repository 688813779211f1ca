#include "sim/sweep.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <future>
#include <list>
#include <mutex>

#include "base/concat.h"
#include "base/error.h"
#include "base/parallel.h"
#include "sim/chart.h"
#include "sim/shares.h"

namespace brim::sim {
namespace {

constexpr size_t kMostPoints = 1000;

// Results of passes by all that they depend on.
class KnownPasses {
 public:
  PassResult simulate(const Board& board, const LoadedProgram& program, const PassRequest& request,
                      const Design& design) {
    std::promise<PassResult> promise;
    std::shared_future<PassResult> known;
    {
      const std::lock_guard lock(mutex_);
      Key key{timing_of(board), &program, request, design.ready_consumer};
      const auto entry = std::ranges::find_if(entries_, [&](const Entry& e) { return same(e.key, key); });
      if (entry != entries_.end()) {
        known = entry->result;
      } else {
        entries_.push_back({std::move(key), promise.get_future().share()});
      }
    }
    if (known.valid()) return known.get();
    try {
      PassResult result = simulate_pass(board, program, request, design);
      promise.set_value(result);
      return result;
    } catch (...) {
      promise.set_exception(std::current_exception());
      throw;
    }
  }

 private:
  struct Key {
    Board board;
    const LoadedProgram* program;  // of a point, which outlives this
    PassRequest request;
    bool memory_only;
  };
  struct Entry {
    Key key;
    std::shared_future<PassResult> result;
  };

  // The board without what no pass's time depends on.
  static Board timing_of(Board board) {
    board.name.clear();
    board.description.clear();
    board.firmware = {};
    for (AxiPort& port : board.axi.ports) port.name.clear();
    board.axi.aux.name.clear();
    board.accelerator.score_buffer_bytes = 0;
    return board;
  }

  static bool same(const LoadedProgram& a, const LoadedProgram& b) {
    const auto& x = a.program.instructions;
    const auto& y = b.program.instructions;
    return a.address == b.address && x.size() == y.size() &&
           std::memcmp(&a.program.header, &b.program.header, sizeof(ProgramHeader)) == 0 &&
           std::memcmp(x.data(), y.data(), x.size() * sizeof(Instruction)) == 0;
  }
  static bool same(const Key& a, const Key& b) {
    return a.request.position == b.request.position && a.request.tokens == b.request.tokens &&
           a.request.logits == b.request.logits && a.memory_only == b.memory_only && a.board == b.board &&
           same(*a.program, *b.program);
  }

  std::mutex mutex_;
  std::list<Entry> entries_;
};

// The value as a number, if it is one.
bool number_of(const std::string& text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

SweepAxis parse_sweep_axis(const std::string& text) {
  const size_t equals = text.find('=');
  SweepAxis axis;
  if (equals != std::string::npos && equals > 0) {
    axis.key = text.substr(0, equals);
    for (size_t from = equals + 1; from <= text.size();) {
      const size_t comma = std::min(text.find(',', from), text.size());
      axis.values.push_back(text.substr(from, comma - from));
      from = comma + 1;
    }
  }
  if (axis.values.empty() || std::ranges::count(axis.values, "") > 0) {
    throw Error(concat("--sweep ", text, ": must be KEY=VALUE,VALUE..., like axi.fabric_latency_ns=150,400"));
  }
  return axis;
}

std::vector<SweepPoint> simulate_sweep(const SweepRequest& request,
                                       const std::function<Subject(const Board&)>& open,
                                       const Progress& progress) {
  size_t count = 1;
  for (const SweepAxis& axis : request.axes) {
    count *= axis.values.size();
    if (count > kMostPoints)
      throw Error(concat("--sweep: more than ", kMostPoints, " points; give fewer values"));
  }
  std::vector<SweepPoint> points(count);
  for (size_t i = 0; i < count; ++i) {
    SweepPoint& point = points[i];
    point.values.resize(request.axes.size());
    size_t rest = i;
    for (size_t a = request.axes.size(); a-- > 0;) {
      const SweepAxis& axis = request.axes[a];
      point.values[a] = axis.values[rest % axis.values.size()];
      rest /= axis.values.size();
    }
    std::string board = request.board;
    std::vector<std::string> settings = request.settings;
    for (size_t a = 0; a < request.axes.size(); ++a) {
      if (request.axes[a].key == "board")
        board = point.values[a];
      else
        settings.push_back(request.axes[a].key + "=" + point.values[a]);
    }
    point.board = load_board(board, settings);
    point.subject = open(point.board);
  }

  KnownPasses known;
  const PassSimulator passes = [&](const Board& board, const LoadedProgram& program, const PassRequest& pass,
                                   const Design& design) {
    return known.simulate(board, program, pass, design);
  };
  RunRequest run = request.run;
  run.threads = 1;
  ProgressCounter counter(progress, count);
  const uint32_t threads = static_cast<uint32_t>(std::min<size_t>(thread_count(request.run.threads), count));
  for_each_index(threads, count, [&](uint64_t i) {
    points[i].run = simulate_run(points[i].board, points[i].subject, run, {}, {}, passes);
    counter.advance(1);
  });
  return points;
}

std::string sweep_report(const std::vector<SweepAxis>& axes, const std::vector<SweepPoint>& points,
                         const std::string& command) {
  constexpr const char* kColours[] = {"#2f6db5", "#b5402f", "#2e7d4f", "#8e5bb0", "#e08a1e", "#777777"};
  const SweepAxis& first = axes.front();
  const size_t lines = points.size() / first.values.size();
  // Values that are no numbers stand one apart, in their order.
  std::vector<double> x(first.values.size());
  bool numbers = true;
  for (size_t i = 0; i < x.size(); ++i) numbers = numbers && number_of(first.values[i], x[i]);
  for (size_t i = 0; !numbers && i < x.size(); ++i) x[i] = static_cast<double>(i);

  std::vector<double> speeds;
  for (const SweepPoint& point : points) {
    speeds.push_back(shares_of(point.board, point.subject, point.run).tokens_per_second);
  }
  const auto [low, high] = std::ranges::minmax(x);
  Chart chart({numbers ? first.key : first.key + " (in their order)", low, high > low ? high : low + 1},
              {"token/s", 0, 1.1 * std::ranges::max(speeds)});
  for (size_t line = 0; line < lines; ++line) {
    std::vector<Point> curve;
    for (size_t i = 0; i < x.size(); ++i) curve.push_back({x[i], speeds[i * lines + line]});
    std::ranges::sort(curve, {}, &Point::x);
    const char* colour = kColours[line % std::size(kColours)];
    chart.line(curve, colour);
    for (const Point& point : curve) chart.mark(point, colour);
    std::string name;
    for (size_t a = 1; a < axes.size(); ++a) name += (a > 1 ? ", " : "") + points[line].values[a];
    chart.label(curve.back(), name, "end", -6);
  }

  std::string html = concat(
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Sweep of ",
      escaped(points.front().subject.name),
      "</title>\n<style>body { font: 15px/1.5 system-ui, sans-serif; max-width: 920px; margin: 0 auto; "
      "padding: "
      "24px } td, th { padding: 2px 12px; text-align: right } svg { width: 100% } text { font-size: 12px }"
      "</style>\n<h1>",
      escaped(points.front().subject.name), "</h1>\n<p>Simulated; no board was measured. <code>",
      escaped(command), "</code></p>\n", chart.svg(), "\n<table><tr>");
  for (const SweepAxis& axis : axes) html += "<th>" + escaped(axis.key) + "</th>";
  html += "<th>token/s</th></tr>\n";
  for (size_t i = 0; i < points.size(); ++i) {
    html += "<tr>";
    for (const std::string& value : points[i].values) html += "<td>" + escaped(value) + "</td>";
    html += concat("<td>", short_number(speeds[i]), "</td></tr>\n");
  }
  return html + "</table></html>\n";
}

}  // namespace brim::sim
