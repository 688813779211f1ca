// A person, or a pipe, at an emulated board's console.
#pragma once

#include <functional>

#include "board_server/qemu.h"

namespace brim {

// Copies standard input to the board's console and the console to standard output until the board ends or
// `stopped` is true. On a terminal every key goes to the board, Ctrl-C too, and Ctrl-] stops. At the end of a
// pipe's input the board is told by Ctrl-D. Without a terminal line ends are '\n' alone. False if it was
// stopped.
bool link_console(Qemu& board, const std::function<bool()>& stopped);

}  // namespace brim
