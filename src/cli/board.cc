#include "board/board.h"

#include <unistd.h>

#include <bit>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/concat.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/program_files.h"
#include "board_server/accelerator_server.h"
#include "board_server/console_link.h"
#include "board_server/interpreter_pass_server.h"
#include "board_server/qemu.h"
#include "board_server/rtl_pass_server.h"
#include "board_server/shared_ddr.h"
#include "cli/command.h"
#include "engine/kernels.h"
#include "engine/thread_pool.h"
#include "image/card/sd_card.h"
#include "image/is_image.h"
#include "rtl_target/model.h"

namespace brim {

namespace {

struct Options {
  std::string source;
  std::string firmware = program_file("firmware/brim_qemu.elf");
  std::string passes;
  uint32_t exception_level = 2;
  uint32_t memory_mib = 4096;
  bool preload = false;
  bool no_card = false;
  Fault fault = Fault::kNone;
  uint64_t fault_after = 0;
  std::string target = "cpu";
  std::optional<uint32_t> rtl_tokens;  // none: the smallest one built
  uint32_t threads = 0;                // 0: one per physical core
  bool json = false;
};

// RAII: a new directory, removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_((std::filesystem::temp_directory_path() / "brim-board-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr)
      throw Error("cannot make a directory like " + path_ + "; set TMPDIR");
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::filesystem::path operator/(const char* name) const { return std::filesystem::path(path_) / name; }

 private:
  std::string path_;
};

volatile std::sig_atomic_t stopped = 0;
void on_signal(int) { stopped = 1; }

// One line per pass: position, then the token ids.
class PassLog {
 public:
  explicit PassLog(const std::string& path) : path_(path) {
    if (path_.empty()) return;
    file_.open(path_);
    if (!file_) throw Error("cannot write " + path_);
  }
  void write(uint32_t position, std::span<const uint32_t> tokens) {
    if (path_.empty()) return;
    file_ << position;
    for (const uint32_t token : tokens) file_ << ' ' << token;
    file_ << std::endl;
  }

 private:
  std::string path_;
  std::ofstream file_;
};

// The first bytes of a file, fewer if it is shorter. Throws Error if it cannot be read.
std::string beginning(const std::string& path, size_t bytes) {
  const MappedFile file(path);
  const size_t there = std::min<size_t>(bytes, file.bytes().size());
  return {reinterpret_cast<const char*>(file.bytes().data()), there};
}

// A program for a Cortex-A53: QEMU would load anything else as bytes and run into them.
void require_firmware(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    throw Error("no firmware at '" + path +
                "'; install g++-aarch64-linux-gnu and build again, or give one with --firmware");
  }
  // ELF64, little-endian; e_type ET_EXEC; e_machine EM_AARCH64.
  constexpr std::string_view kIdentity(
      "\x7F"
      "ELF\x02\x01",
      6),
      kKind("\x02\0\xB7\0", 4);
  const std::string head = beginning(path, 20);
  if (head.size() < 20 || !head.starts_with(kIdentity) || head.substr(16) != kKind)
    throw Error(path +
                " is no firmware: it is not an ELF program for AArch64; leave out --firmware for brim's own");
}

// A card that the board can start from, as brim export --sd writes it.
void require_card(const std::string& path) {
  const uint64_t bytes = MappedFile(path).bytes().size();
  const std::string sector = beginning(path, 512);
  if (sector.size() < 512 || !sector.ends_with("\x55\xAA") || !std::has_single_bit(bytes)) {
    throw Error(path +
                " is neither an image nor an SD card; brim pack makes the one, brim export --sd the other");
  }
}

std::unique_ptr<PassServer> make_pass_server(const Options& options, const Board& board, SharedDdr& ddr) {
  if (options.target == "rtl") {
    const auto folder = rtl_target::model_folder();
    if (options.threads != 0) print_note("--threads has no effect with --target rtl");
    const std::vector<uint32_t> built = rtl_target::built_models(folder);
    const uint32_t tokens = options.rtl_tokens.value_or(built.empty() ? 1 : built.front());
    return std::make_unique<RtlPassServer>(ddr, board, rtl_target::load_model(folder, tokens));
  }
  if (options.rtl_tokens) throw CLI::ValidationError("--rtl-tokens", "goes with --target rtl only");
  const std::string kernels(options.target == "cpu" ? available_kernels().front() : options.target);
  return std::make_unique<InterpreterPassServer>(
      ddr, board.accelerator, [kernels] { return make_kernels(kernels); },
      options.threads ? options.threads : physical_cores());
}

void run_board(const Options& options) {
  require_firmware(options.firmware);
  const TemporaryDirectory directory;
  SharedDdr ddr(directory / "ddr", qemu_memory(uint64_t{options.memory_mib} << 20));

  QemuOptions qemu{.firmware = options.firmware,
                   .ddr = directory / "ddr",
                   .ddr_bytes = ddr.bytes(),
                   .card = {},
                   .exception_level = options.exception_level};
  std::string board_name = "kv260";
  if (is_image(options.source)) {
    const MappedImage image(options.source);
    if (image.view().embedding.on_card() && (options.preload || options.no_card)) {
      throw Error(image.path() + ": its embedding is read from the card; leave out --preload and --no-card");
    }
    if (image.view().prompt != nullptr && (options.preload || options.no_card)) {
      throw Error(image.path() +
                  ": its baked prompt is read from the card; leave out --preload and --no-card");
    }
    board_name = image.header().board;
    if (options.preload) load_image(image, ddr, progress_bar("filling memory"));
    if (!options.preload && !options.no_card) {
      qemu.card = directory / "card.img";
      write_sd_card(image_parts(image), *qemu.card, progress_bar("writing the card"));
    }
  } else if (options.preload) {
    throw Error(options.source + " is no image; --preload needs one");
  } else {
    require_card(options.source);
    if (!options.no_card) qemu.card = options.source;
  }

  const std::unique_ptr<PassServer> passes = make_pass_server(options, load_board(board_name), ddr);
  PassLog log(options.passes);
  uint64_t count = 0, tokens_run = 0;  // by the thread that serves
  AcceleratorServer server(
      ddr, *passes,
      {.registers = kQemuRegisters,
       .fault = options.fault,
       .fault_after = options.fault_after,
       .on_pass =
           [&](uint32_t position, std::span<const uint32_t> tokens) {
             log.write(position, tokens);
             ++count;
             tokens_run += tokens.size();
           },
       .on_problem = [](const std::string& text) { std::fprintf(stderr, "brim: %s\n", text.c_str()); }});

  struct sigaction action = {};
  action.sa_handler = on_signal;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  Qemu board(qemu);
  std::jthread serving([&](const std::stop_token& stop) { server.run(stop); });
  const bool ended =
      link_console(board, options.json ? STDERR_FILENO : STDOUT_FILENO, [] { return stopped != 0; });
  const int code = ended ? board.wait() : 0;
  serving = std::jthread();  // stops and joins the one before
  if (const std::string problem = ended ? board.problem() : ""; !problem.empty())
    throw Error(concat("QEMU cannot run this board: ", problem));
  if (options.json) {
    print_json({{"image", options.source},
                {"board", board_name},
                {"target", options.target},
                {"passes", count},
                {"tokens", tokens_run},
                {"ended", ended},
                {"exit_code", code}});
    finish_output();
  }
  if (code != 0) throw Error(concat("the board halted (exit code ", code, "); its console says why"));
}

}  // namespace

void add_board(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "board", "Boot the bare-metal firmware in QEMU and play the accelerator for it (Ctrl-] ends it)");
  command->add_option("IMAGE", options->source, "Image file, or SD card written by brim export --sd")
      ->required();
  command->add_option("--firmware", options->firmware, "Firmware to boot (ELF)")->capture_default_str();
  command->add_option("--el", options->exception_level, "Exception level at which it is entered")
      ->check(CLI::Range(1, 3))
      ->capture_default_str();
  command->add_option("--memory", options->memory_mib, "The board's memory in MiB")
      ->check(CLI::Range(256, 4096))
      ->capture_default_str();
  command->add_flag("--preload", options->preload,
                    "Put the image into memory beforehand instead of on a card");
  command->add_flag("--no-card", options->no_card, "Leave the card slot empty");
  command->add_option("--passes", options->passes, "Write every pass's position and token ids to this file");
  CLI::Option* fault =
      add_choice(*command, "--fault", options->fault,
                 {{"silent", Fault::kSilent},
                  {"bus-error", Fault::kBusError},
                  {"wrong-bit", Fault::kWrongBit},
                  {"flipped-bit", Fault::kFlippedBit},
                  {"stuck-bit", Fault::kStuckBit},
                  {"flipped-logits", Fault::kFlippedLogits}},
                 "What the accelerator or its memory does wrong, to see how the firmware takes it");
  command->add_option("--fault-after", options->fault_after, "Passes that go well before that")
      ->capture_default_str()
      ->needs(fault);
  command
      ->add_option("--target", options->target,
                   "What computes: cpu (the fastest kernels of this processor), reference, or rtl (the "
                   "accelerator's RTL, simulated)")
      ->check(CLI::IsMember({"cpu", "reference", "rtl"}))
      ->capture_default_str();
  command
      ->add_option("--rtl-tokens", options->rtl_tokens,
                   "Tokens per pass that the RTL is built for (default: the smallest one built)")
      ->check(CLI::IsMember({1, 4, 8}));
  command->add_option("-t,--threads", options->threads, "Threads (default: one per physical core)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--json", options->json,
                    "Print one JSON object when done; the console is on standard error, then");
  command->callback([options] { run_board(*options); });
}

}  // namespace brim
