// What a text may be: a grammar, written as GBNF or as a JSON schema. docs/grammar.md has both languages.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

namespace brim {

class Machine;

// A grammar, compiled. Immutable: sequences and threads share it.
class Grammar {
 public:
  explicit Grammar(std::unique_ptr<const Machine> machine);
  ~Grammar();
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  const Machine& machine() const { return *machine_; }

 private:
  std::unique_ptr<const Machine> machine_;
};

// From GBNF, llama.cpp's language; the text begins with the rule `root`. Throws Error with line and column of
// what is wrong, or the name of the rule that is left-recursive, or the limit that the grammar exceeds.
std::shared_ptr<const Grammar> compile_gbnf(std::string_view text);

// For JSON texts that the schema (2020-12, as far as docs/grammar.md lists it) accepts; {} accepts any JSON,
// {"type": "object"} any object. Throws Error with the path of a keyword that is not supported: nothing of a
// schema is ignored but annotations. Properties keep their order, so a parsed schema is an ordered_json.
std::shared_ptr<const Grammar> compile_json_schema(const nlohmann::ordered_json& schema);
std::shared_ptr<const Grammar> compile_json_schema(std::string_view schema);

}  // namespace brim
