// Cycles of the compute side's pipelines: those of rtl/fp_pkg.sv, and what is built from them in rtl/vpu*.sv
// and rtl/spu*.sv (docs/rtl/vpu.md, docs/rtl/spu.md). rtl/test/timing_test.cc compares the outcome with the
// RTL.
#pragma once

#include "sim/clocks.h"

namespace brim::sim {

// FP32 operators.
inline constexpr Cycle kAdd = 10, kAddSmall = 6, kMul = 6, kIntToFp = 6, kFpToInt = 4;
inline constexpr Cycle kExp =
    1 + kMul + kFpToInt + kIntToFp + kMul + kAdd + kAdd + kMul + 1 + kAddSmall + kMul + kAddSmall + 1;

// VPU: from a dot product to its row's sum.
inline constexpr Cycle kDotToSum = 1 + kIntToFp + kMul + 3 * kAdd;
// From the last beat of a row block to its first result: pairing, dot product of the second row, sum, read.
inline constexpr Cycle kRowBlockToResult = 5 + 14 + kDotToSum + 4;
// From the last V record's issue to the first result: 64 sums one after the other, then likewise.
inline constexpr Cycle kValuesToResult = 72 + 3 + kDotToSum + 4;
// From the last record's issue to the end of the instruction.
inline constexpr Cycle kScoresDrain = 43, kValuesDrain = 83;
// From a page's last beat until its activation slots can be filled again.
inline constexpr Cycle kPageToRelease = 6;
// Activation blocks: 32 words, and from the first of them until the block is in place.
inline constexpr Cycle kRefill = 32, kRefillToReady = 34;

// SPU: from the issue of an element to its result; with a conversion to FP16 or int8; with exp.
inline constexpr Cycle kMicro = 4 + kMul + 1 + kAdd + 1;
inline constexpr Cycle kMicroConvert = kMicro + kFpToInt + 1;
inline constexpr Cycle kMicroExp = kMicro + kExp;
// From the last issue of a step to the first of the next one: its micro-operation is spelt out.
inline constexpr Cycle kDecode = 1;
// From the converter's room for a block to the issue of its first element.
inline constexpr Cycle kRoomToIssue = 2;
// Sum16: from the last element to the total.
inline constexpr Cycle kSumToTotal = 11 + 5 * (kAdd + 3);

}  // namespace brim::sim
