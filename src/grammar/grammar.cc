#include "grammar/grammar.h"

#include "grammar/machine.h"

namespace brim {

Grammar::Grammar(std::unique_ptr<const Machine> machine) : machine_(std::move(machine)) {}
Grammar::~Grammar() = default;

}  // namespace brim
