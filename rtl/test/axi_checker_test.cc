// The AXI checkers accept what the specification allows, and find each kind of violation.
#include "axi_checker.h"

#include <gtest/gtest.h>

namespace brim::rtl {
namespace {

constexpr AxiLimits kLimits{.transfers = 128, .outstanding = 2};

AxiAddressSignals burst(uint64_t address, uint8_t length) {
  return {.valid = true, .ready = true, .address = address, .length = length};
}
AxiReadDataSignals data(bool last) { return {.valid = true, .ready = true, .last = last}; }

using ReadSequence = std::vector<AxiReadSignals>;
using WriteSequence = std::vector<AxiWriteSignals>;

std::vector<std::string> violations(const ReadSequence& sequence, bool in_reset = false) {
  AxiReadChecker checker(kLimits);
  for (const AxiReadSignals& signals : sequence) checker.observe(signals, in_reset);
  return checker.violations();
}
std::vector<std::string> violations(const WriteSequence& sequence, bool in_reset = false) {
  AxiWriteChecker checker(kLimits);
  for (const AxiWriteSignals& signals : sequence) checker.observe(signals, in_reset);
  return checker.violations();
}

template <typename Sequence>
void expect_violation(const Sequence& sequence, const std::string& message, bool in_reset = false) {
  const std::vector<std::string> found = violations(sequence, in_reset);
  ASSERT_FALSE(found.empty()) << "not found: " << message;
  EXPECT_NE(found[0].find(message), std::string::npos) << found[0];
}

TEST(AxiReadChecker, AcceptsOverlappingBurstsAndWaits) {
  AxiAddressSignals waiting = burst(64, 1);
  waiting.ready = false;
  AxiReadDataSignals waiting_data = data(false);
  waiting_data.ready = false;
  EXPECT_EQ(violations(ReadSequence{{waiting, {}},
                                    {burst(64, 1), {}},
                                    {burst(2048, 0), waiting_data},
                                    {{}, data(false)},
                                    {{}, data(true)},
                                    {{}, data(true)}}),
            std::vector<std::string>());
}

TEST(AxiReadChecker, FindsAddressesThatDoNotWait) {
  AxiAddressSignals waiting = burst(64, 3);
  waiting.ready = false;
  expect_violation(ReadSequence{{waiting, {}}, {}}, "AR: valid falls before ready");
  expect_violation(ReadSequence{{waiting, {}}, {burst(128, 3), {}}}, "AR: payload changes");
  expect_violation(ReadSequence{{waiting, {}}, {burst(64, 2), {}}}, "AR: payload changes");
}

TEST(AxiReadChecker, FindsBurstsThatAreNotAllowed) {
  expect_violation(ReadSequence{{burst(4096 - 32, 2), {}}}, "crosses 4 KiB");
  expect_violation(ReadSequence{{burst(0, 128), {}}}, "too long");
  expect_violation(ReadSequence{{burst(8, 0), {}}}, "not aligned");
  AxiAddressSignals narrow = burst(0, 3);
  narrow.size = 3;
  expect_violation(ReadSequence{{narrow, {}}}, "size is not 16 bytes");
  AxiAddressSignals wrapping = burst(0, 3);
  wrapping.burst = 2;
  expect_violation(ReadSequence{{wrapping, {}}}, "not INCR");
  expect_violation(ReadSequence{{burst(0, 0), {}}, {burst(64, 0), {}}, {burst(128, 0), {}}},
                   "too many bursts outstanding");
}

TEST(AxiReadChecker, FindsWrongData) {
  expect_violation(ReadSequence{{{}, data(true)}}, "data that was not asked for");
  expect_violation(ReadSequence{{burst(0, 0), {}}, {{}, data(true)}, {{}, data(true)}},
                   "data that was not asked for");
  expect_violation(ReadSequence{{burst(0, 1), {}}, {{}, data(true)}}, "last in the wrong place");
  expect_violation(ReadSequence{{burst(0, 0), {}}, {{}, data(false)}}, "last in the wrong place");
  AxiReadDataSignals waiting = data(true);
  waiting.ready = false;
  expect_violation(ReadSequence{{burst(0, 0), {}}, {{}, waiting}, {}}, "R: valid falls before ready");
  AxiReadDataSignals other = data(true);
  other.data[3] = 1;
  expect_violation(ReadSequence{{burst(0, 0), {}}, {{}, waiting}, {{}, other}}, "R: payload changes");
}

TEST(AxiReadChecker, AllowsNothingInResetAndForgetsWhatWasBefore) {
  expect_violation(ReadSequence{{}, {burst(0, 0), {}}}, "valid in reset", true);
  AxiReadChecker checker(kLimits);
  checker.observe({burst(0, 0), {}}, false);
  checker.observe({}, true);
  checker.observe({{}, data(true)}, false);
  EXPECT_EQ(checker.violations().size(), 1u) << "data of a burst from before the reset";
}

AxiWriteDataSignals word(bool last) {
  return {.valid = true, .ready = true, .strobes = 0xFFFF, .last = last};
}
constexpr AxiWriteResponseSignals kResponse{.valid = true, .ready = true};

TEST(AxiWriteChecker, AcceptsDataBeforeAndAfterItsAddress) {
  EXPECT_EQ(violations(WriteSequence{{{}, word(false), {}},
                                     {burst(0, 1), word(true), {}},
                                     {burst(64, 0), {}, kResponse},
                                     {{}, word(true), {}},
                                     {{}, {}, kResponse}}),
            std::vector<std::string>());
}

TEST(AxiWriteChecker, FindsBurstsAndDataThatDoNotMatch) {
  expect_violation(WriteSequence{{burst(0, 1), word(true), {}}}, "W: last in the wrong place");
  expect_violation(WriteSequence{{burst(0, 0), word(false), {}}, {{}, word(true), {}}}, "W: last is missing");
  expect_violation(WriteSequence{{burst(4096 - 16, 1), {}, {}}}, "AW: burst crosses 4 KiB");
  expect_violation(WriteSequence{{burst(0, 0), {}, {}}, {burst(64, 0), {}, {}}, {burst(128, 0), {}, {}}},
                   "AW: too many bursts outstanding");
}

TEST(AxiWriteChecker, FindsAMasterWhoseChannelsWaitForOneAnother) {
  AxiAddressSignals address = burst(64, 0);
  address.ready = false;
  AxiWriteDataSignals waiting = word(true);
  waiting.ready = false;
  expect_violation(WriteSequence(kLimits.patience, {address, {}, {}}), "W: data waits for its address");
  expect_violation(WriteSequence(kLimits.patience, {{}, waiting, {}}), "AW: address waits for its data");
  // Both may wait for memory as long as it likes.
  EXPECT_EQ(violations(WriteSequence(1000, {address, waiting, {}})), std::vector<std::string>());
  EXPECT_EQ(violations(WriteSequence(kLimits.patience - 1, {address, {}, {}})), std::vector<std::string>());
}

TEST(AxiWriteChecker, FindsResponsesThatCameTooEarly) {
  expect_violation(WriteSequence{{{}, {}, kResponse}}, "B: response without a complete burst");
  expect_violation(WriteSequence{{burst(0, 0), {}, {}}, {{}, {}, kResponse}}, "B: response without");
  expect_violation(WriteSequence{{burst(0, 0), word(true), {}}, {{}, {}, kResponse}, {{}, {}, kResponse}},
                   "B: response without");
}

TEST(AxiWriteChecker, FindsChannelsThatDoNotWait) {
  AxiAddressSignals address = burst(64, 0);
  address.ready = false;
  expect_violation(WriteSequence{{address, {}, {}}, {}}, "AW: valid falls before ready");
  AxiWriteDataSignals waiting = word(true);
  waiting.ready = false;
  expect_violation(WriteSequence{{{}, waiting, {}}, {}}, "W: valid falls before ready");
  AxiWriteDataSignals other = word(true);
  other.strobes = 1;
  expect_violation(WriteSequence{{{}, waiting, {}}, {{}, other, {}}}, "W: payload changes");
  expect_violation(WriteSequence{{}, {{}, waiting, {}}}, "valid in reset", true);
}

}  // namespace
}  // namespace brim::rtl
