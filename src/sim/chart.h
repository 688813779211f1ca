// Line charts as SVG, for the HTML report.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace brim::sim {

struct Point {
  double x;
  double y;
};

// An axis from `low` to `high`, linear, or logarithmic (then low > 0).
struct Axis {
  std::string label;
  double low;
  double high;
  bool logarithmic = false;
};

// Where an axis is marked: about five round numbers, or the powers of two or ten.
std::vector<double> ticks(const Axis& axis);

// A number with as many digits as a reader needs: 5.17, 48, 3,430.
std::string short_number(double value);

// Text with &, < and > as entities.
std::string escaped(std::string_view text);

class Chart {
 public:
  Chart(Axis x, Axis y);

  void line(const std::vector<Point>& points, std::string_view colour);
  void area(const std::vector<Point>& points, std::string_view colour);
  void dashed(Point from, Point to, std::string_view colour);
  void mark(Point at, std::string_view colour);
  // Text beside a point; `anchor` is start, middle or end.
  void label(Point at, std::string_view text, std::string_view anchor, double shift_y);

  std::string svg() const;       // within an HTML page, which has the style
  std::string document() const;  // a file of its own

 private:
  double x(double value) const;
  double y(double value) const;
  std::string drawing() const;
  std::string path(const std::vector<Point>& points) const;

  Axis x_;
  Axis y_;
  std::string body_;
};

}  // namespace brim::sim
