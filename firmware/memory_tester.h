// The memory tester (fpga/kv260/memtest), where its bitstream is loaded instead of the accelerator's.
#pragma once

namespace brim {

bool memory_tester_present();

// Measures and prints the table that `brim board-file` reads, at once and again for every /memtest typed,
// until /quit or Ctrl-D. False if a port hangs or data came back wrong.
bool test_memory();

}  // namespace brim
