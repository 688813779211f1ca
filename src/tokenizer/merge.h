// Byte-pair merging of one run of symbols: the best pair of neighbours merges first, the leftmost among
// equals (Sennrich et al. 2016), with a linked list of symbols and a binary heap of candidate pairs, so
// that n symbols take O(n log n). Freestanding, in memory that the caller provides.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tokenizer/tables.h"

namespace brim {

inline constexpr uint32_t kNoSymbol = 0xFFFFFFFFu;

// A stretch of the run, in text order. Merging lengthens the left symbol and empties the right one.
struct Symbol {
  uint32_t begin;     // byte offset in the run
  uint32_t bytes;     // 0: swallowed by a merge
  uint32_t previous;  // index of a neighbour, or kNoSymbol
  uint32_t next;
  uint32_t id;  // token, or kNoToken if its text is none
};

// A pair of neighbours that may merge. It is stale if their text has changed since.
struct MergeCandidate {
  uint32_t rank;   // lower merges first
  uint32_t left;   // symbol
  uint32_t bytes;  // of both symbols together when the candidate was made
  uint32_t id;     // token that the pair becomes
};

// A run of n symbols never has more than 2 n candidates: n - 1 at first, and each of at most n - 1 merges
// takes out one and puts in at most two.
inline constexpr uint32_t kCandidatesPerSymbol = 2;

struct MergeScratch {
  std::span<Symbol> symbols;
  std::span<MergeCandidate> candidates;  // kCandidatesPerSymbol times as many
  std::span<uint32_t> unused_splits;     // one per token if the vocabulary has unused pieces, else empty
};

// Links symbols[0..count), whose begin, bytes and id are set, and merges until no pair can.
// `run` is the text that they are stretches of. For SentencePiece, unused_splits[id] receives the length of
// the left part from which an unused piece was last formed.
void merge_symbols(const TokenizerTables& tables, std::string_view run, uint32_t count,
                   const MergeScratch& scratch);

}  // namespace brim
