#include "sim/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/concat.h"

namespace brim::sim {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 330;
constexpr double kLeft = 78;
constexpr double kRight = 20;
constexpr double kTop = 16;
constexpr double kBottom = 48;

double place(const Axis& axis, double value) {
  const auto scale = [&](double v) { return axis.logarithmic ? std::log(v) : v; };
  return (scale(value) - scale(axis.low)) / (scale(axis.high) - scale(axis.low));
}

std::string fixed(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::vector<double> ticks(const Axis& axis) {
  std::vector<double> result;
  if (axis.logarithmic) {
    const double factor = axis.high / axis.low > 100 ? 10 : 2;
    const double first = std::pow(factor, std::ceil(std::log(axis.low) / std::log(factor) - 1e-9));
    for (double value = first; value <= axis.high * (1 + 1e-9); value *= factor) result.push_back(value);
    return result;
  }
  const double rough = (axis.high - axis.low) / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {2.0, 5.0, 10.0}) {
    if (step < rough) step = factor * power;
  }
  for (double i = std::ceil(axis.low / step - 1e-9); i * step <= axis.high + step * 1e-9; ++i) {
    result.push_back(i * step + 0.0);  // not -0
  }
  return result;
}

std::string short_number(double value) {
  char text[32];
  const double size = std::abs(value);
  const int digits = size == std::floor(size) || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  const std::string_view plain(text);
  const size_t point = std::min(plain.find('.'), plain.size());
  std::string result;
  for (size_t i = 0; i < plain.size(); ++i) {
    const bool after_digit = i > 0 && plain[i - 1] != '-';
    if (i < point && after_digit && (point - i) % 3 == 0) result += ',';
    result += plain[i];
  }
  return result;
}

Chart::Chart(Axis x, Axis y) : x_(std::move(x)), y_(std::move(y)) {}

double Chart::x(double value) const { return kLeft + place(x_, value) * (kWidth - kLeft - kRight); }
double Chart::y(double value) const {
  return kHeight - kBottom - place(y_, value) * (kHeight - kTop - kBottom);
}

std::string Chart::path(const std::vector<Point>& points) const {
  std::string text;
  for (const Point& point : points)
    text += concat(text.empty() ? "" : " ", fixed(x(point.x)), ",", fixed(y(point.y)));
  return text;
}

void Chart::line(const std::vector<Point>& points, std::string_view colour) {
  body_ += concat("<polyline fill=\"none\" stroke=\"", colour, "\" stroke-width=\"2\" points=\"",
                  path(points), "\"/>\n");
}

void Chart::area(const std::vector<Point>& points, std::string_view colour) {
  if (points.empty()) return;
  body_ += concat("<polygon fill=\"", colour, "\" fill-opacity=\"0.25\" points=\"", path(points), " ",
                  fixed(x(points.back().x)), ",", fixed(y(y_.low)), " ", fixed(x(points.front().x)), ",",
                  fixed(y(y_.low)), "\"/>\n");
  line(points, colour);
}

void Chart::dashed(Point from, Point to, std::string_view colour) {
  body_ += concat("<line stroke=\"", colour, "\" stroke-width=\"1.5\" stroke-dasharray=\"6 4\" x1=\"",
                  fixed(x(from.x)), "\" y1=\"", fixed(y(from.y)), "\" x2=\"", fixed(x(to.x)), "\" y2=\"",
                  fixed(y(to.y)), "\"/>\n");
}

void Chart::mark(Point at, std::string_view colour) {
  body_ += concat("<circle r=\"4\" fill=\"", colour, "\" cx=\"", fixed(x(at.x)), "\" cy=\"", fixed(y(at.y)),
                  "\"/>\n");
}

void Chart::label(Point at, std::string_view text, std::string_view anchor, double shift_y) {
  const double shift_x = anchor == "start" ? 8 : anchor == "end" ? -8 : 0;
  body_ += concat("<text text-anchor=\"", anchor, "\" x=\"", fixed(x(at.x) + shift_x), "\" y=\"",
                  fixed(y(at.y) + shift_y), "\">", escaped(text), "</text>\n");
}

std::string Chart::svg() const {
  return concat("<svg viewBox=\"0 0 ", kWidth, " ", kHeight, "\" role=\"img\">\n", drawing(), "</svg>\n");
}

std::string Chart::document() const {
  return concat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", kWidth, " ", kHeight,
                "\" role=\"img\">\n<style>text { font: 12px system-ui, sans-serif; fill: #1c2430; } "
                "text.tick { fill: #56606c; } line.grid { stroke: #e4e8ed; }</style>\n"
                "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
                drawing(), "</svg>\n");
}

std::string Chart::drawing() const {
  std::string svg;
  for (const double value : ticks(y_)) {
    svg +=
        concat("<line class=\"grid\" x1=\"", kLeft, "\" x2=\"", kWidth - kRight, "\" y1=\"", fixed(y(value)),
               "\" y2=\"", fixed(y(value)), "\"/><text class=\"tick\" text-anchor=\"end\" x=\"", kLeft - 8,
               "\" y=\"", fixed(y(value) + 4), "\">", short_number(value), "</text>\n");
  }
  for (const double value : ticks(x_)) {
    svg +=
        concat("<line class=\"grid\" y1=\"", kTop, "\" y2=\"", kHeight - kBottom, "\" x1=\"", fixed(x(value)),
               "\" x2=\"", fixed(x(value)), "\"/><text class=\"tick\" text-anchor=\"middle\" x=\"",
               fixed(x(value)), "\" y=\"", kHeight - kBottom + 17, "\">", short_number(value), "</text>\n");
  }
  svg += concat("<text text-anchor=\"middle\" x=\"", (kLeft + kWidth - kRight) / 2, "\" y=\"", kHeight - 8,
                "\">", escaped(x_.label), "</text>\n<text text-anchor=\"middle\" transform=\"translate(16 ",
                (kTop + kHeight - kBottom) / 2, ") rotate(-90)\">", escaped(y_.label), "</text>\n");
  return svg + body_;
}

}  // namespace brim::sim
