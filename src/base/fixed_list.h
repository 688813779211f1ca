// A list with room for a fixed number of elements, in itself. Freestanding.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace brim {

template <typename T, size_t kRoom>
class FixedList {
 public:
  static constexpr size_t kMost = kRoom;

  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr const T& operator[](size_t i) const { return elements_[i]; }
  constexpr const T* begin() const { return elements_.data(); }
  constexpr const T* end() const { return begin() + size_; }

  // False, with nothing changed, if there is no room.
  constexpr bool push(const T& element) {
    if (size_ == kRoom) return false;
    elements_[size_++] = element;
    return true;
  }
  constexpr void clear() { size_ = 0; }

 private:
  std::array<T, kRoom> elements_{};
  size_t size_ = 0;
};

}  // namespace brim
