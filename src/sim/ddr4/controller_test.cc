#include "sim/ddr4/controller.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>
#include <vector>

#include "sim/ddr4/checker.h"

namespace brim::ddr4 {
namespace {

using enum CommandKind;

constexpr uint32_t kNoRefresh = 1u << 30;

DdrDescription kv260(bool refresh = true) {
  DdrDescription ddr = load_board("kv260").ddr;
  if (!refresh) ddr.timing.trefi = kNoRefresh;
  return ddr;
}

// The KV260's memory with its bank group bit above the column bits, or at the very top.
DdrDescription kv260_group_above_column() {
  DdrDescription ddr = kv260();
  ddr.address_map.column = {6, 7, 8, 9, 10, 11, 12};
  ddr.address_map.bank_group = {13};
  return ddr;
}

DdrDescription kv260_group_on_top() {
  DdrDescription ddr = kv260();
  ddr.address_map.column = {6, 7, 8, 9, 10, 11, 12};
  ddr.address_map.bank = {13, 14};
  ddr.address_map.row.clear();
  for (uint8_t bit = 15; bit < 31; ++bit) ddr.address_map.row.push_back(bit);
  ddr.address_map.bank_group = {31};
  return ddr;
}

// Byte offset of a burst in the K26 map: row[31:16] bank[15:14] column[13:7] group[6] byte[5:0].
uint64_t at(uint64_t row, uint64_t bank, uint64_t group, uint64_t column) {
  return row << 16 | bank << 14 | column << 7 | group << 6;
}

struct Access {
  bool write = false;
  uint64_t offset = 0;
};

// A controller with a checker and a log on its command bus, and a client that keeps it supplied.
class Rig : public CommandObserver {
 public:
  explicit Rig(const DdrDescription& ddr) : controller(ddr, this), checker(ddr) {}
  ~Rig() override {
    EXPECT_TRUE(checker.violations().empty())
        << checker.violations().front().rule << " at " << checker.violations().front().command.at;
  }

  void on_command(const Command& command) override {
    checker.on_command(command);
    commands.push_back(command);
  }

  bool offer(const Access& access, uint32_t id) {
    return access.write ? controller.accept_write(access.offset, id)
                        : controller.accept_read(access.offset, id);
  }

  // Lets one command happen and takes whatever is complete (or will be: completions are final).
  void step() {
    controller.advance_to(controller.next_command() + 1);
    collect();
  }

  void collect() {
    for (auto& queue = controller.reads_done(); !queue.empty(); queue.pop()) reads.push_back(queue.front());
    for (auto& queue = controller.writes_done(); !queue.empty(); queue.pop()) writes.push_back(queue.front());
  }

  // Offers all accesses in order as fast as they are accepted, ids counting from 0, and runs to the end.
  void run(const std::vector<Access>& accesses) {
    uint32_t next = 0;
    while (reads.size() + writes.size() < accesses.size()) {
      while (next < accesses.size() && offer(accesses[next], next)) ++next;
      step();
    }
  }

  std::vector<Command> commands_of(CommandKind kind) const {
    std::vector<Command> result;
    std::ranges::copy_if(commands, std::back_inserter(result),
                         [&](const Command& c) { return c.kind == kind; });
    return result;
  }

  std::vector<Cycle> done_cycles() const {
    std::vector<Cycle> cycles;
    for (const Completion& completion : reads) cycles.push_back(completion.at);
    return cycles;
  }

  // Share of the data bus's time in use from the first request to the last data.
  double efficiency() const {
    const Cycle end = std::max(reads.empty() ? 0 : reads.back().at, writes.empty() ? 0 : writes.back().at);
    return 4.0 * static_cast<double>(reads.size() + writes.size()) / static_cast<double>(end);
  }

  Controller controller;
  ProtocolChecker checker;
  std::vector<Command> commands;
  std::vector<Completion> reads;
  std::vector<Completion> writes;
};

std::vector<Access> sequential_reads(uint32_t bursts, uint64_t from = 0) {
  std::vector<Access> accesses(bursts);
  for (uint32_t i = 0; i < bursts; ++i) accesses[i].offset = from + uint64_t{64} * i;
  return accesses;
}

// The four cases of design/memory.md; the first command is issued at cycle 1.

TEST(Controller, EightReadsOfOneRowAndBankGroupAreSpacedByTccdL) {
  Rig rig(kv260(false));
  rig.controller.advance_to(1);
  std::vector<Access> accesses;
  std::vector<Command> expected = {{1, kActivate, 0, 0, 0}};
  std::vector<Cycle> done;
  for (uint32_t i = 0; i < 8; ++i) {
    accesses.push_back({false, at(0, 0, 0, i)});
    expected.push_back({18 + 6 * i, kRead, 0, 0, 0, i});
    done.push_back(39 + 6 * i);
  }
  rig.run(accesses);
  EXPECT_EQ(rig.commands, expected);
  EXPECT_EQ(rig.done_cycles(), done);
}

TEST(Controller, TwoRowsOfOneBankCostPrechargeAndActivate) {
  Rig rig(kv260(false));
  rig.controller.advance_to(1);
  rig.run({{false, at(0, 0, 0, 0)}, {false, at(1, 0, 0, 0)}});
  const std::vector<Command> expected = {{1, kActivate, 0, 0, 0},
                                         {18, kRead, 0, 0, 0, 0},
                                         {40, kPrecharge, 0, 0},
                                         {57, kActivate, 0, 0, 1},
                                         {74, kRead, 0, 0, 1, 0}};
  EXPECT_EQ(rig.commands, expected);
  EXPECT_EQ(rig.done_cycles(), (std::vector<Cycle>{39, 95}));
}

TEST(Controller, ReadWriteReadOfOneBurstTurnsTheBusTwice) {
  Rig rig(kv260(false));
  rig.controller.advance_to(1);
  rig.run({{false, at(0, 0, 0, 0)}, {true, at(0, 0, 0, 0)}, {false, at(0, 0, 0, 0)}});
  const std::vector<Command> expected = {
      {1, kActivate, 0, 0, 0}, {18, kRead, 0, 0, 0, 0}, {29, kWrite, 0, 0, 0, 0}, {54, kRead, 0, 0, 0, 0}};
  EXPECT_EQ(rig.commands, expected);
  EXPECT_EQ(rig.controller.counters().read_to_write_turns, 1u);
  EXPECT_EQ(rig.controller.counters().write_to_read_turns, 1u);
}

TEST(Controller, RefreshCostsAReadStreamCloseRefreshAndReopen) {
  Rig rig(kv260());
  rig.run(sequential_reads(20000));
  const std::vector<Command> refreshes = rig.commands_of(kRefresh);
  ASSERT_EQ(refreshes.size(), 8u);
  const std::vector<Command> reads = rig.commands_of(kRead);
  for (const Command& refresh : refreshes) {
    const auto after = std::ranges::find_if(reads, [&](const Command& c) { return c.at > refresh.at; });
    EXPECT_EQ(after->at - std::prev(after)->at, Cycle{9 + 17 + 420 + 17}) << refresh.at;
  }
}

// Efficiency of sustained streams.

constexpr double kRefreshLoss = (9.0 + 17 + 420 + 17 - 4) / 9360;

TEST(Controller, SequentialReadsReachTheRefreshCeiling) {
  Rig rig(kv260());
  rig.run(sequential_reads(200000));
  EXPECT_NEAR(rig.efficiency(), 1 - kRefreshLoss, 0.005);
  EXPECT_LE(rig.efficiency(), 1 - kRefreshLoss + 0.0005);
}

TEST(Controller, SequentialReadsReachTheRefreshCeilingOfEveryBoard) {
  for (std::string_view name : builtin_board_names()) {
    const DdrDescription ddr = load_board(std::string(name)).ddr;
    const DdrTiming& t = ddr.timing;
    const double lost = static_cast<double>(t.trtp + t.trp + t.trfc + t.trcd - t.tccd_s) / t.trefi;
    Rig rig(ddr);
    rig.run(sequential_reads(40000));
    const double share = ddr.burst_clocks() * 40000.0 / static_cast<double>(rig.reads.back().at);
    EXPECT_NEAR(share, 1 - lost, 0.01) << name;
  }
}

TEST(Controller, AStreamWithinOneBankGroupIsHeldToTccdL) {
  Rig rig(kv260_group_on_top());
  rig.run(sequential_reads(100000));
  EXPECT_NEAR(rig.efficiency(), (1 - kRefreshLoss) * 4 / 6, 0.005);
}

TEST(Controller, BankGroupJustAboveTheColumnHelpsOnlyAsFarAsTheQueueSeesTheNextPage) {
  DdrDescription ddr = kv260_group_above_column();
  Rig deep(ddr);
  deep.run(sequential_reads(100000));
  EXPECT_GT(deep.efficiency(), (1 - kRefreshLoss) * 4 / 6 + 0.05);
  EXPECT_LT(deep.efficiency(), (1 - kRefreshLoss) * 5 / 6);
  ddr.controller.read_queue = 8;  // 8 of the 128 bursts of a row
  Rig shallow(ddr);
  shallow.run(sequential_reads(100000));
  EXPECT_NEAR(shallow.efficiency(), (1 - kRefreshLoss) * 4 / 6, 0.025);
}

// Four streams in parallel as four AXI ports read them, 64 B at a time from each: either the four
// quarters of one page, or four regions `distance` apart.
double efficiency_of_four_ports(uint64_t distance, uint32_t read_queue) {
  std::vector<Access> accesses;
  for (uint64_t page = 0; page < 300; ++page) {
    for (uint64_t burst = 0; burst < 32; ++burst) {
      for (uint64_t port = 0; port < 4; ++port) {
        const uint64_t base = distance == 0 ? (4 * page + port) * 2048 : page * 2048 + port * distance;
        accesses.push_back({false, base + burst * 64});
      }
    }
  }
  DdrDescription ddr = kv260();
  ddr.controller.read_queue = read_queue;
  Rig rig(ddr);
  rig.run(accesses);
  return rig.efficiency();
}

TEST(Controller, DistantRegionsInOneBankCostUpToHalfOfTheBandwidth) {
  EXPECT_NEAR(efficiency_of_four_ports(0, 16), 1 - kRefreshLoss, 0.005);
  constexpr uint64_t kSameBankOtherRows = uint64_t{1} << 28;
  EXPECT_NEAR(efficiency_of_four_ports(kSameBankOtherRows, 16), 0.5, 0.05);
  // A deeper queue finds more hits per row, but never all.
  const double deep = efficiency_of_four_ports(kSameBankOtherRows, 32);
  EXPECT_GT(deep, 0.6);
  EXPECT_LT(deep, 0.8);
}

// Refresh.

TEST(Controller, RefreshKeepsItsMeanIntervalUnderLoadAndIdle) {
  for (const bool loaded : {true, false}) {
    Rig rig(kv260());
    if (loaded) rig.run(sequential_reads(100000));
    rig.controller.advance_to(Cycle{9360} * 150 + 2000);
    const std::vector<Command> refreshes = rig.commands_of(kRefresh);
    ASSERT_EQ(refreshes.size(), 150u) << loaded;
    const double mean = static_cast<double>(refreshes.back().at - refreshes.front().at) / 149;
    EXPECT_NEAR(mean, 9360, 1) << loaded;
    EXPECT_LE(rig.checker.longest_refresh_interval(), Cycle{9} * 9360);
  }
}

// Order.

std::vector<uint32_t> ids(const std::vector<Completion>& completions) {
  std::vector<uint32_t> result;
  result.reserve(completions.size());
  for (const Completion& completion : completions) result.push_back(completion.id);
  return result;
}

TEST(Controller, RowHitsGoBeforeOlderMissesOfTheirBank) {
  Rig rig(kv260(false));
  rig.run({{false, at(0, 0, 0, 0)}, {false, at(1, 0, 0, 0)}, {false, at(0, 0, 0, 1)}});
  EXPECT_EQ(ids(rig.reads), (std::vector<uint32_t>{0, 2, 1}));
}

TEST(Controller, OlderHitsGoFirst) {
  Rig rig(kv260(false));
  rig.run({{false, at(0, 1, 0, 7)}, {false, at(0, 0, 0, 0)}});
  ASSERT_TRUE(rig.offer({false, at(0, 0, 0, 5)}, 2));
  ASSERT_TRUE(rig.offer({false, at(0, 1, 0, 3)}, 3));
  ASSERT_TRUE(rig.offer({false, at(0, 0, 0, 1)}, 4));
  while (rig.reads.size() < 5) rig.step();
  EXPECT_EQ(ids(rig.reads), (std::vector<uint32_t>{0, 1, 2, 3, 4}));
}

TEST(Controller, AMissIsNotStarvedByAStreamOfHits) {
  Rig rig(kv260(false));
  uint32_t next = 1;
  ASSERT_TRUE(rig.offer({false, at(0, 0, 0, 0)}, next++));
  rig.step();
  const Cycle start = rig.controller.now();
  ASSERT_TRUE(rig.offer({false, at(9, 0, 0, 0)}, 0));
  while (ids(rig.reads).empty() || rig.reads.back().id != 0) {
    while (rig.offer({false, at(0, 0, 0, next % 128)}, next)) ++next;
    rig.step();
    ASSERT_LT(rig.controller.now(), start + Controller::kMaxBypass + 200);
  }
  EXPECT_GT(rig.controller.now(), start + Controller::kMaxBypass - 200);  // hits did go first until then
}

TEST(Controller, AFewWritesAreNotStarvedByReads) {
  Rig rig(kv260());
  ASSERT_TRUE(rig.offer({true, at(9, 3, 0, 0)}, 0));
  ASSERT_TRUE(rig.offer({false, 0}, 0));
  uint32_t next = 1;
  while (rig.writes.empty()) {
    while (rig.offer({false, uint64_t{64} * next}, next)) ++next;
    rig.step();
    ASSERT_LT(rig.controller.now(), Controller::kMaxWriteWait + 2000);
  }
}

TEST(Controller, ReadsAreNotStarvedByWrites) {
  Rig rig(kv260());
  uint32_t next_write = 0;
  uint32_t next_read = 0;
  while (rig.reads.size() < 10000) {
    while (rig.offer({true, uint64_t{64} * next_write + (1u << 30)}, next_write)) ++next_write;
    while (rig.offer({false, uint64_t{64} * next_read}, next_read)) ++next_read;
    rig.step();
    ASSERT_LT(rig.controller.now(), 10000 * 40u);
  }
  EXPECT_GT(rig.writes.size(), 5000u);
}

// Writes.

TEST(Controller, WritesUnderReadsAreDrainedInBatches) {
  Rig rig(kv260());
  uint32_t next_write = 0;
  uint32_t next_read = 0;
  constexpr uint32_t kWrites = 4000;
  while (rig.writes.size() < kWrites) {
    // One write for ten reads, as a stream of KV pages beside weights might have it.
    while (next_write < kWrites && next_write * 10 < next_read &&
           rig.offer({true, uint64_t{64} * next_write + (1u << 30)}, next_write)) {
      ++next_write;
    }
    while (rig.offer({false, uint64_t{64} * next_read}, next_read)) ++next_read;
    rig.step();
  }
  // From the high watermark (48) to the low one (8), and a last batch after the longest wait.
  const uint64_t turns = rig.controller.counters().read_to_write_turns;
  EXPECT_GE(turns, kWrites / 48u);
  EXPECT_LE(turns, kWrites / 38u + 1);
}

TEST(Controller, WritesAreDrainedAtOnceWhenNoReadWaits) {
  Rig rig(kv260(false));
  rig.controller.advance_to(1);
  rig.run({{true, at(0, 0, 0, 0)}, {true, at(0, 0, 1, 0)}});
  const std::vector<Command> expected = {
      {1, kActivate, 0, 0, 0}, {8, kActivate, 1, 0, 0}, {18, kWrite, 0, 0, 0, 0}, {25, kWrite, 1, 0, 0, 0}};
  EXPECT_EQ(rig.commands, expected);
  EXPECT_EQ(rig.writes.back().at, Cycle{25 + 12 + 4});
}

// Random traffic: the checker (in Rig's destructor), conservation and the order of data.

struct Traffic {
  uint32_t write_percent;
  uint64_t span;          // bytes
  uint32_t run_length;    // bursts in a row before the next jump
  uint64_t stride;        // bytes
  uint32_t idle_percent;  // steps without an offer
};

std::vector<Access> random_accesses(const Traffic& traffic, uint32_t count, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Access> accesses;
  while (accesses.size() < count) {
    const uint64_t start = random() % traffic.span;
    const bool write = random() % 100 < traffic.write_percent;
    for (uint64_t i = 0; i < traffic.run_length; ++i) {
      accesses.push_back({write, (start + i * traffic.stride) % traffic.span & ~uint64_t{63}});
    }
  }
  accesses.resize(count);
  return accesses;
}

void run_with_pauses(Rig& rig, const std::vector<Access>& accesses, uint32_t idle_percent, uint32_t seed) {
  std::mt19937 random(seed);
  uint32_t next = 0;
  while (rig.reads.size() + rig.writes.size() < accesses.size()) {
    if (random() % 100 < idle_percent) {
      rig.controller.advance_to(rig.controller.now() + random() % 200);
    } else {
      while (next < accesses.size() && random() % 8 != 0 && rig.offer(accesses[next], next)) ++next;
      if (rig.controller.waiting_reads() + rig.controller.waiting_writes() != 0) rig.step();
    }
    rig.collect();
  }
}

// Every read sees the last write accepted before it. The n-th read (write) command belongs to the n-th
// read (write) completion, so replaying the commands says which write's data each read returned.
void expect_memory_order(const Rig& rig, const std::vector<Access>& accesses) {
  using Place = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t>;
  constexpr uint32_t kUnwritten = ~0u;
  std::map<Place, uint32_t> memory;
  std::vector<uint32_t> seen(accesses.size(), kUnwritten);
  size_t read = 0;
  size_t write = 0;
  for (const Command& c : rig.commands) {
    const Place place{c.group, c.bank, c.row, c.column};
    if (c.kind == kWrite) memory[place] = rig.writes[write++].id;
    if (c.kind == kRead) {
      const auto found = memory.find(place);
      seen[rig.reads[read++].id] = found == memory.end() ? kUnwritten : found->second;
    }
  }
  std::map<uint64_t, uint32_t> last_write;
  for (uint32_t id = 0; id < accesses.size(); ++id) {
    if (accesses[id].write) {
      last_write[accesses[id].offset] = id;
    } else {
      const auto found = last_write.find(accesses[id].offset);
      ASSERT_EQ(seen[id], found == last_write.end() ? kUnwritten : found->second) << "read " << id;
    }
  }
}

void expect_each_once(const Rig& rig, const std::vector<Access>& accesses) {
  std::vector<uint32_t> count(accesses.size(), 0);
  for (const Completion& c : rig.reads) {
    ASSERT_FALSE(accesses[c.id].write);
    ++count[c.id];
  }
  for (const Completion& c : rig.writes) {
    ASSERT_TRUE(accesses[c.id].write);
    ++count[c.id];
  }
  EXPECT_TRUE(std::ranges::all_of(count, [](uint32_t n) { return n == 1; }));
}

TEST(Controller, RandomTrafficKeepsProtocolConservationAndMemoryOrder) {
  const std::vector<Traffic> traffics = {
      {0, uint64_t{1} << 31, 1, 64, 0},      // random reads
      {50, uint64_t{1} << 31, 1, 64, 0},     // random reads and writes
      {30, uint64_t{1} << 30, 16, 64, 0},    // short runs
      {30, uint64_t{1} << 30, 16, 64, 30},   // with pauses
      {10, uint64_t{1} << 31, 32, 8192, 5},  // strides over banks
      {50, uint64_t{1} << 31, 8, 65536, 5},  // strides over rows of one bank
      {40, 4096, 1, 64, 10},                 // few places: many hazards
      {60, 256, 1, 64, 0},                   // hardly any
      {95, 1 << 20, 4, 64, 2},               // mostly writes
  };
  std::vector<DdrDescription> memories = {kv260(), kv260_group_above_column(), kv260_group_on_top()};
  for (const char* name : {"kv260-2133", "zcu104", "ultra96-v2", "lpddr4-made-up"}) {
    memories.push_back(load_board(name).ddr);
  }
  uint32_t seed = 1;
  for (const DdrDescription& ddr : memories) {
    for (const Traffic& traffic : traffics) {
      SCOPED_TRACE(testing::Message() << "seed " << seed);
      const std::vector<Access> accesses = random_accesses(traffic, 3000, seed);
      Rig rig(ddr);
      run_with_pauses(rig, accesses, traffic.idle_percent, seed);
      expect_each_once(rig, accesses);
      expect_memory_order(rig, accesses);
      ++seed;
    }
  }
}

// In a loaded stream of reads every command but the last few is needed, and needed then.
TEST(Controller, CheckerFindsCommandsDroppedFromOrMovedInARealStream) {
  const DdrDescription ddr = kv260(false);
  Rig rig(ddr);
  rig.run(random_accesses({0, 1 << 22, 2, 64, 0}, 200, 1));
  const auto is_clean = [&](const std::vector<Command>& commands) {
    ProtocolChecker checker(ddr);
    for (const Command& command : commands) checker.on_command(command);
    return checker.violations().empty();
  };
  ASSERT_TRUE(is_clean(rig.commands));
  for (size_t i = 1; i < rig.commands.size(); ++i) {
    if (rig.commands[i].kind == kActivate || rig.commands[i].kind == kPrecharge) {
      std::vector<Command> dropped = rig.commands;
      dropped.erase(dropped.begin() + static_cast<ptrdiff_t>(i));
      EXPECT_FALSE(is_clean(dropped)) << "command " << i;
    }
    std::vector<Command> moved = rig.commands;
    moved[i].at = moved[i - 1].at;  // two commands in one clock
    EXPECT_FALSE(is_clean(moved)) << "command " << i;
    std::vector<Command> elsewhere = rig.commands;
    elsewhere[i].row ^= 0x8000;  // a row that nobody reads
    elsewhere[i].bank ^= 1;
    EXPECT_FALSE(is_clean(elsewhere)) << "command " << i;
  }
}

// Jumping over dead cycles changes nothing: a client that ticks cycle by cycle sees the same commands.
TEST(Controller, JumpingGivesTheCommandsOfTickingCycleByCycle) {
  for (uint32_t seed = 1; seed <= 4; ++seed) {
    const std::vector<Access> accesses = random_accesses({30, 1 << 24, 4, 64, 0}, 3000, seed);
    std::vector<std::vector<Command>> logs;
    for (const bool ticking : {true, false}) {
      Rig rig(kv260());
      std::mt19937 random(seed);
      uint32_t next = 0;
      while (rig.reads.size() + rig.writes.size() < accesses.size()) {
        for (uint32_t offers = random() % 12; offers > 0 && next < accesses.size(); --offers) {
          if (!rig.offer(accesses[next], next)) break;
          ++next;
        }
        const Cycle until = rig.controller.now() + 1 + random() % 60;
        if (ticking) {
          while (rig.controller.now() < until) rig.controller.advance_to(rig.controller.now() + 1);
        } else {
          rig.controller.advance_to(until);
        }
        rig.collect();
      }
      logs.push_back(rig.commands);
    }
    EXPECT_EQ(logs[0], logs[1]);
  }
}

// FR-FCFS as its definition says, cycle by cycle over all requests, with the checker as the judge of what
// is ready. Slow, and shares neither data structures nor timing state with the controller.
std::vector<Command> plain_fr_fcfs(const DdrDescription& ddr, const std::vector<Access>& accesses) {
  const AddressDecoder decoder(ddr);
  ProtocolChecker checker(ddr);
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> open;
  std::vector<Command> log;
  std::vector<Command> queue;  // as the reads they want to become, oldest first
  const auto is_ready = [&](const Command& command) {
    ProtocolChecker trial = checker;
    trial.on_command(command);
    return trial.violations().empty();
  };
  size_t next = 0;
  for (Cycle now = 0; next < accesses.size() || !queue.empty(); ++now) {
    while (next < accesses.size() && queue.size() < ddr.controller.read_queue) {
      const DramAddress a = decoder.decode(accesses[next++].offset);
      queue.push_back(
          {0, kRead, a.bank / ddr.banks_per_group, a.bank % ddr.banks_per_group, a.row, a.column});
    }
    std::optional<Command> chosen;
    for (size_t i = 0; i < queue.size() && !chosen; ++i) {
      queue[i].at = now;
      const auto row = open.find({queue[i].group, queue[i].bank});
      if (row != open.end() && row->second == queue[i].row && is_ready(queue[i])) {
        chosen = queue[i];
        queue.erase(queue.begin() + static_cast<ptrdiff_t>(i));
      }
    }
    for (size_t i = 0; i < queue.size() && !chosen; ++i) {
      const Command& wanted = queue[i];
      const auto row = open.find({wanted.group, wanted.bank});
      Command command{now, kActivate, wanted.group, wanted.bank, wanted.row};
      if (row != open.end()) {
        const bool has_hits = std::ranges::any_of(queue, [&](const Command& other) {
          return other.group == wanted.group && other.bank == wanted.bank && other.row == row->second;
        });
        if (has_hits) continue;
        command = {now, kPrecharge, wanted.group, wanted.bank};
      }
      if (is_ready(command)) chosen = command;
    }
    if (!chosen) continue;
    if (chosen->kind == kActivate) open[{chosen->group, chosen->bank}] = chosen->row;
    if (chosen->kind == kPrecharge) open.erase({chosen->group, chosen->bank});
    checker.on_command(*chosen);
    log.push_back(*chosen);
  }
  return log;
}

TEST(Controller, ReadsAreScheduledExactlyAsFrFcfsIsDefined) {
  DdrDescription ddr = kv260(false);
  ddr.controller.read_queue = 12;
  const std::vector<Traffic> traffics = {{0, uint64_t{1} << 31, 1, 64, 0},
                                         {0, 1 << 18, 3, 64, 0},
                                         {0, 1 << 20, 6, 64, 0},
                                         {0, 1 << 19, 4, 65536, 0}};
  uint32_t seed = 1;
  for (const Traffic& traffic : traffics) {
    const std::vector<Access> accesses = random_accesses(traffic, 150, seed++);
    Rig rig(ddr);
    uint32_t next = 0;
    while (rig.reads.size() < accesses.size()) {
      while (next < accesses.size() && rig.offer(accesses[next], next)) ++next;
      rig.step();
    }
    EXPECT_EQ(rig.commands, plain_fr_fcfs(ddr, accesses));
  }
}

// Room.

TEST(Controller, QueuesAndUntakenCompletionsAreBounded) {
  Controller controller(kv260());
  uint32_t accepted = 0;
  while (controller.accept_read(uint64_t{64} * accepted, accepted)) ++accepted;
  EXPECT_EQ(accepted, 32u);
  for (Cycle cycle = 100; cycle < 20000; cycle += 100) {
    controller.advance_to(cycle);
    while (controller.accept_read(uint64_t{64} * accepted, accepted)) ++accepted;
  }
  EXPECT_EQ(accepted, CompletionQueue::kCapacity);
  controller.reads_done().pop();
  EXPECT_TRUE(controller.accept_read(0, 0));
}

TEST(AddressDecoder, FollowsTheBoardsMap) {
  const AddressDecoder decoder(kv260());
  std::mt19937_64 random(1);
  for (uint32_t i = 0; i < 10000; ++i) {
    const uint64_t offset = random() & 0xFFFFFFFF;
    const DramAddress a = decoder.decode(offset);
    EXPECT_EQ(a.row, offset >> 16);
    EXPECT_EQ(a.bank, (offset >> 6 & 1) * 4 + (offset >> 14 & 3));
    EXPECT_EQ(a.column, offset >> 7 & 127);
  }
}

TEST(AddressDecoder, GathersBitsInPieces) {
  DdrDescription ddr = kv260();
  ddr.address_map.bank = {7, 15};
  ddr.address_map.column = {8, 9, 10, 11, 12, 13, 14};
  const AddressDecoder decoder(ddr);
  EXPECT_EQ(decoder.decode(uint64_t{1} << 7).bank, 1u);
  EXPECT_EQ(decoder.decode(uint64_t{1} << 15).bank, 2u);
  EXPECT_EQ(decoder.decode(uint64_t{1} << 6).bank, 4u);
  EXPECT_EQ(decoder.decode(uint64_t{1} << 14).column, 64u);
}

}  // namespace
}  // namespace brim::ddr4
