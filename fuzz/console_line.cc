// Bytes typed at a console: every line that comes of them is a turn or a command, or is refused with words.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "firmware/line_editor.h"
#include "runtime/chat_command.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace brim;
  std::array<char, 256> buffer{};
  LineEditor editor(buffer);
  ChatSettings settings;
  for (size_t i = 0; i < size; ++i) {
    const LineEditor::Event event = editor.feed(static_cast<char>(data[i]));
    if (editor.line().size() > buffer.size()) std::abort();
    if (event != LineEditor::Event::kLine) continue;
    if (!is_utf8(editor.line())) std::abort();
    if (editor.line().empty()) continue;
    std::array<char, kChatMessageBytes> room{};
    const ChatLine line = read_chat_line(editor.line(), settings, room);
    if (line.action == ChatAction::kRefuse && line.text.empty()) std::abort();
    static_cast<void>(std::ranges::count(line.text, '\0'));  // all of it can be read
  }
  return 0;
}
