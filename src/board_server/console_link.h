// A person, or a pipe, at an emulated board's console.
#pragma once

#include <functional>

#include "board_server/qemu.h"

namespace brim {

// Copies standard input to the board's console and the console to the file `output` until the board ends,
// `stopped` is true, or nobody reads `output` any more. Throws Error if the console stays silent. On a
// terminal every key goes to the board, Ctrl-C too, and Ctrl-] stops. At the end of a pipe's input the board
// is told by Ctrl-D. Without a terminal line ends are '\n' alone. False if it was stopped.
bool link_console(Qemu& board, int output, const std::function<bool()>& stopped);

}  // namespace brim
