// Cycles of the RTL's pipelines. Those of the compute side are those of rtl/latency_pkg.sv, and what is built
// from them in rtl/vpu*.sv and rtl/spu*.sv (docs/rtl/vpu.md, docs/rtl/spu.md). rtl/test/timing_test.cc
// compares the outcome with the RTL of the compute side, src/rtl_target/cycles_test.cc with all of it.
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
// From a `scores` or `values` instruction until the attention unit has begun with it.
inline constexpr Cycle kAttentionToUnit = 2;
// From the last record's issue to the end of the instruction.
inline constexpr Cycle kScoresDrain = 43, kValuesDrain = 83;
// From a page's last beat until its activation slots can be filled again.
inline constexpr Cycle kPageToRelease = 6;
// Activation blocks: from the instruction, or from the block's completion, to the first word; 32 words; and
// from the first of them until a page that needs the block may begin.
inline constexpr Cycle kMatvecToRefill = 2, kCompleteToRefill = 2, kRefill = 32, kRefillToReady = 35;

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

// Experts (rtl/spu_sequence.sv, rtl/expert_choice.sv, rtl/expert_list.sv, rtl/expert_steps.sv): from the
// issue of the last number until a choice is made and the next step begins; from the last choice until the
// list has asked for the first expert, then for each one behind it; from a listed expert to the dispatch of
// its first step.
inline constexpr Cycle kNumbersToChoice = kMicro + 3, kChoiceToList = 3, kListExpert = 2, kListToDispatch = 5;

// Start of a pass (rtl/pass_control.sv, rtl/fetch.sv): from the start until the first burst of the program is
// asked for; from the header's arrival until the second one is; then from one to the next. A register slice
// on each side of a port (rtl/axi_read_slice.sv, rtl/axi_write_slice.sv) takes a cycle of all that goes
// through it.
inline constexpr Cycle kStartToFetch = 3, kHeaderToFetch = 6, kFetchToFetch = 3;
// Until an instruction can leave the buffer: from the header's arrival (the check of the pass), and from its
// own. Then until its dispatch (three stages of rtl/sequencer.sv), and until a burst takes its place.
inline constexpr Cycle kHeaderToTaken = 132, kArrivalToTaken = 3, kTakenToDispatch = 3, kTakenToFetch = 5;
// From dispatch until the unit can take the instruction, and from its taking it until another can be
// dispatched in its place where the queue is full: rtl/queue.sv.
inline constexpr Cycle kQueue = 2, kQueueRoom = 2;

// MCU (rtl/mcu.sv). A piece is formed in a cycle, the row of a table in five, as its address is a product.
// From the forming of a piece to its first burst: two queues and the command generator. From a port's taking
// a burst to its address on the port.
inline constexpr Cycle kPiece = 1, kRow = 5, kPieceToBurst = 5, kBurstToAddress = 3;
// From a beat's arrival at a port until the join can take it; from there until it is at the prefetch FIFO,
// and until its port can take a burst in its place.
inline constexpr Cycle kArrivalToJoin = 5, kJoinToFifo = 1, kJoinToRoom = 2;

// Write port (rtl/write_port.sv): from the last beat that makes enough to send until the first one is taken
// into a burst; from a burst's leaving to its first data on the port, and to the next one's leaving.
inline constexpr Cycle kPutToTaken = 3, kLeaveToData = 3, kLeaveToLeave = 2, kResponseToLeave = 3;

// End of a pass (rtl/pass_control.sv): what is waited for must hold for four cycles. From all units' last
// work until the first beat of what is left to write is taken into a burst, from the last response to the
// end, and from work to end where nothing is left to write.
inline constexpr Cycle kQuiet = 4;
inline constexpr Cycle kIdleToTaken = 1 + kQuiet + 3, kResponseToEnd = 3 + kQuiet,
                       kIdleToEnd = 1 + 2 * kQuiet;

}  // namespace brim::sim
