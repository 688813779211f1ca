#include "tokenizer/merge.h"

#include "tokenizer/utf8.h"

namespace brim {
namespace {

// A binary min-heap by (rank, left).
class CandidateHeap {
 public:
  explicit CandidateHeap(std::span<MergeCandidate> storage) : heap_(storage) {}

  bool empty() const { return size_ == 0; }

  void push(const MergeCandidate& candidate) {
    uint32_t hole = size_++;
    while (hole > 0 && before(candidate, heap_[(hole - 1) / 2])) {
      heap_[hole] = heap_[(hole - 1) / 2];
      hole = (hole - 1) / 2;
    }
    heap_[hole] = candidate;
  }

  MergeCandidate pop() {
    const MergeCandidate top = heap_[0];
    const MergeCandidate last = heap_[--size_];
    uint32_t hole = 0;
    for (uint32_t child = 1; child < size_; child = 2 * hole + 1) {
      if (child + 1 < size_ && before(heap_[child + 1], heap_[child])) ++child;
      if (!before(heap_[child], last)) break;
      heap_[hole] = heap_[child];
      hole = child;
    }
    heap_[hole] = last;
    return top;
  }

 private:
  static bool before(const MergeCandidate& a, const MergeCandidate& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.left < b.left;
  }

  std::span<MergeCandidate> heap_;
  uint32_t size_ = 0;
};

class Merger {
 public:
  Merger(const TokenizerTables& tables, std::string_view run, const MergeScratch& scratch)
      : tables_(tables),
        by_text_(tables.header().algorithm == static_cast<uint32_t>(TokenizerAlgorithm::kSentencePiece)),
        run_(run),
        symbols_(scratch.symbols),
        unused_splits_(scratch.unused_splits),
        heap_(scratch.candidates) {}

  void merge(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      symbols_[i].previous = i == 0 ? kNoSymbol : i - 1;
      symbols_[i].next = i + 1 == count ? kNoSymbol : i + 1;
    }
    for (uint32_t i = 1; i < count; ++i) consider(i - 1, i);
    while (!heap_.empty()) apply(heap_.pop());
  }

 private:
  // Puts the pair into the heap if it can merge.
  void consider(uint32_t left, uint32_t right) {
    if (left == kNoSymbol || right == kNoSymbol) return;
    const Symbol& a = symbols_[left];
    const Symbol& b = symbols_[right];
    const uint32_t bytes = a.bytes + b.bytes;
    const MergeMatch match = by_text_ ? find_by_text(a, bytes) : tables_.find_merge(a.id, b.id);
    if (match.merged != kNoToken) heap_.push({match.rank, left, bytes, match.merged});
  }

  MergeMatch find_by_text(const Symbol& left, uint32_t bytes) {
    const uint32_t id = tables_.find(slice(run_, left.begin, bytes));
    if (id == kNoToken) return {};
    switch (tables_.type(id)) {
      case TokenType::kUnused:
        unused_splits_[id] = left.bytes;
        [[fallthrough]];
      case TokenType::kNormal:
      case TokenType::kUserDefined:
        return {tables_.rank(id), id};
      default:
        return {};  // text never turns into control, unknown or byte tokens by merging
    }
  }

  void apply(const MergeCandidate& candidate) {
    Symbol& left = symbols_[candidate.left];
    if (left.bytes == 0 || left.next == kNoSymbol) return;
    Symbol& right = symbols_[left.next];
    if (left.bytes + right.bytes != candidate.bytes) return;
    left.bytes = candidate.bytes;
    left.id = candidate.id;
    left.next = right.next;
    right.bytes = 0;
    if (left.next != kNoSymbol) symbols_[left.next].previous = candidate.left;
    consider(left.previous, candidate.left);
    consider(candidate.left, left.next);
  }

  const TokenizerTables& tables_;
  const bool by_text_;
  const std::string_view run_;
  const std::span<Symbol> symbols_;
  const std::span<uint32_t> unused_splits_;
  CandidateHeap heap_;
};

}  // namespace

void merge_symbols(const TokenizerTables& tables, std::string_view run, uint32_t count,
                   const MergeScratch& scratch) {
  Merger(tables, run, scratch).merge(count);
}

}  // namespace brim
