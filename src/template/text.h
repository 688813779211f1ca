// Text that knows which of its bytes came from outside the template, through everything that templates do
// with text. What people wrote must not turn into control tokens, wherever a template puts it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace brim::tmpl {

class Text {
 public:
  Text() = default;
  // Text of the template itself, or, if `input`, from outside.
  explicit Text(std::string bytes, bool input = false) : bytes_(std::move(bytes)) {
    if (input) input_.assign(bytes_.size(), 1);
  }

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool is_input(size_t byte) const { return byte < input_.size() && input_[byte] != 0; }
  bool has_input() const { return input_.find(1) != std::string::npos; }

  void append(const Text& other) {
    if (!other.input_.empty()) {
      input_.resize(bytes_.size());
      input_ += other.input_;
    }
    bytes_ += other.bytes_;
  }
  void append(std::string_view bytes) { bytes_ += bytes; }

  // The part from `begin`, which is within the text, of at most `size` bytes.
  Text part(size_t begin, size_t size = std::string::npos) const {
    Text result;
    result.bytes_ = bytes_.substr(begin, size);
    if (begin < input_.size()) result.input_ = input_.substr(begin, size);
    return result;
  }

 private:
  std::string bytes_;
  std::string input_;  // 1 for each byte from outside; may be shorter than bytes_: the rest is not
};

using TextPtr = std::shared_ptr<const Text>;

}  // namespace brim::tmpl
