#include "board_server/console_link.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>

#include "base/concat.h"
#include "base/error.h"

namespace brim {

namespace {

constexpr char kControlD = 4;
constexpr char kControlBracket = 29;

// The terminal hands over every key as it is typed, for as long as this lives.
class RawTerminal {
 public:
  RawTerminal() : active_(isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &saved_) == 0) {
    if (!active_) return;
    termios raw = saved_;
    raw.c_iflag &= ~static_cast<tcflag_t>(ICRNL | IXON);
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  }
  ~RawTerminal() {
    if (active_) tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  bool active() const { return active_; }

 private:
  termios saved_{};
  bool active_;
};

// False if nobody reads it.
bool write_all(int file, std::string text, bool keep_returns) {
  if (!keep_returns) std::erase(text, '\r');
  for (size_t done = 0; done < text.size();) {
    const ssize_t part = ::write(file, text.data() + done, text.size() - done);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0 && errno == EPIPE) return false;
    if (part < 0) throw Error("cannot write what the console says");
    done += static_cast<size_t>(part);
  }
  return true;
}

}  // namespace

bool link_console(Qemu& board, int output, const std::function<bool()>& stopped) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kPatience = std::chrono::seconds(60);  // far more than any start takes
  const auto start = Clock::now();
  const RawTerminal terminal;
  const bool keep_returns = isatty(output) != 0;
  std::string waiting;  // typed, not yet taken by the board
  bool input_open = true;
  bool awake = false;  // before the board has switched its UART on, what is sent to it is lost
  char last = '\n';
  std::array<char, 4096> buffer;
  while (!stopped()) {
    constexpr size_t kMostWaiting = 65536;
    constexpr int kMilliseconds = 100;  // between looks at `stopped`
    const bool wants_input = input_open && waiting.size() < kMostWaiting;
    pollfd files[] = {{board.output(), POLLIN, 0},
                      {wants_input ? STDIN_FILENO : -1, POLLIN, 0},
                      {awake && !waiting.empty() ? board.input() : -1, POLLOUT, 0}};
    if (poll(files, std::size(files), kMilliseconds) < 0 && errno != EINTR)
      throw Error("cannot wait for the console");

    if (!awake && Clock::now() - start > kPatience) {
      throw Error(concat("the firmware has said nothing for ", kPatience.count(),
                         " s; is it one for this board? --firmware chooses"));
    }
    if (files[0].revents != 0) {
      const ssize_t bytes = read(board.output(), buffer.data(), buffer.size());
      if (bytes == 0) return true;
      awake = true;
      if (bytes > 0 && !write_all(output, {buffer.data(), static_cast<size_t>(bytes)}, keep_returns))
        return false;
    }
    if (files[1].revents != 0) {
      const ssize_t bytes = read(STDIN_FILENO, buffer.data(), buffer.size());
      if (bytes > 0) {
        const std::string_view typed(buffer.data(), static_cast<size_t>(bytes));
        if (terminal.active() && typed.find(kControlBracket) != std::string_view::npos) return false;
        waiting += typed;
        last = typed.back();
      } else if (bytes == 0 || errno != EINTR) {
        input_open = false;
        if (last != '\n') waiting += '\n';
        waiting += kControlD;
      }
    }
    if (files[2].revents & POLLOUT) {
      const ssize_t bytes = write(board.input(), waiting.data(), waiting.size());
      if (bytes > 0) waiting.erase(0, static_cast<size_t>(bytes));
    }
    if (files[2].revents & POLLERR) waiting.clear();  // the board has ended; its output tells
  }
  return false;
}

}  // namespace brim
