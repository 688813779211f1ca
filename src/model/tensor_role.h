// What the tensors of a model are for, and sets of such roles.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace brim {

// A tensor's role in the model. Matrices are [rows = outputs][columns = inputs], row-major.
enum class TensorRole : uint8_t {
  kEmbedding,
  kAttentionNorm,
  kQuery,
  kKey,
  kValue,
  kQueryBias,
  kKeyBias,
  kValueBias,
  kQueryNorm,
  kKeyNorm,
  kAttentionOut,
  kFfnNorm,
  kGate,  // of a dense model, or of the expert that all tokens share
  kUp,
  kDown,
  kFinalNorm,
  kLmHead,  // with tied embeddings the embedding's values
  kRouter,
  kExpertGate,
  kExpertUp,
  kExpertDown,
  kPostAttentionNorm,
  kPostFfnNorm,
};
inline constexpr uint32_t kTensorRoles = 23;

class RoleSet {
 public:
  constexpr RoleSet() = default;
  constexpr RoleSet(std::initializer_list<TensorRole> roles) {
    for (const TensorRole role : roles) bits_ |= bit(role);
  }
  constexpr bool contains(TensorRole role) const { return (bits_ & bit(role)) != 0; }
  constexpr RoleSet& operator|=(RoleSet other) {
    bits_ |= other.bits_;
    return *this;
  }
  constexpr uint32_t bits() const { return bits_; }
  constexpr bool operator==(const RoleSet&) const = default;

 private:
  static constexpr uint32_t bit(TensorRole role) { return 1u << static_cast<uint32_t>(role); }
  static_assert(kTensorRoles <= 32);

  uint32_t bits_ = 0;
};

}  // namespace brim
