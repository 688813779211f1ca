// Reads the JSON object that a request brings: every key is asked for with its type and range, and one that
// nobody asked for is refused by its name.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "server/api_error.h"

namespace brim::server {

// Throws ApiError unless `text` is JSON that can be walked through: not nested too deep, not too many keys.
Json parse_bounded(std::string_view text);

// Throws ApiError for anything but an object, too.
Json parse_object(std::string_view text);

class Body {
 public:
  // `path` is put before the keys in messages: "response_format.". The object must outlive it; throws
  // ApiError if it is none.
  explicit Body(const Json& object, std::string path = {});

  // A key's value; null where it is absent or null.
  const Json* find(std::string_view key);

  // The same with a type and a range. Throw ApiError.
  std::optional<bool> boolean(std::string_view key);
  std::optional<double> number(std::string_view key, double least, double most);
  std::optional<uint64_t> whole(std::string_view key, uint64_t least, uint64_t most);
  std::optional<int64_t> integer(std::string_view key, int64_t least, int64_t most);
  std::optional<std::string> text(std::string_view key);
  const Json* list(std::string_view key);
  const Json* object(std::string_view key);

  // Keys that say nothing about the answer.
  void skip(std::initializer_list<std::string_view> keys);
  // A key that is taken only where it says what would be done anyway.
  void only(std::string_view key, const Json& value, std::string_view why);

  // Throws ApiError naming a key that was not asked for.
  void refuse_others() const;

  std::string path_of(std::string_view key) const { return path_ + std::string(key); }

 private:
  [[noreturn]] void wrong(std::string_view key, const std::string& wanted) const;

  const Json& object_;
  std::string path_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace brim::server
