#include "tokenizer/difference.h"

#include <algorithm>

#include "base/concat.h"
#include "tokenizer/printable.h"

namespace brim {

std::string first_difference(const TokenizerTables& tables, const TokenizerTables& other) {
  const uint32_t ours = tables.header().vocabulary, theirs = other.header().vocabulary;
  for (uint32_t id = 0; id < std::min(ours, theirs); ++id) {
    if (tables.piece(id) == other.piece(id)) continue;
    return concat("token ", id, " is \"", printable(other.piece(id)), "\", not \"",
                  printable(tables.piece(id)), "\"");
  }
  if (ours == theirs) return {};
  const bool more = theirs > ours;
  const uint32_t id = std::min(ours, theirs);
  return concat("token ", id, " is ", more ? concat("\"", printable(other.piece(id)), "\"") : "missing",
                ", not ", more ? "missing" : concat("\"", printable(tables.piece(id)), "\""));
}

}  // namespace brim
