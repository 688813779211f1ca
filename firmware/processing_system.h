// What the boot loader has left behind: clocks, memory controller and ports as it has set them up, and
// devices that may still be running.
#pragma once

namespace brim {

// Resets the devices that a boot loader may have left running and that could write to memory later: USB,
// Ethernet and the display.
void stop_devices();

// Reads clocks, memory controller and ports and prints them by name.
void print_memory_path();

// What the memory moves at its peak, as its clock and width say; before print_memory_path, or where no boot
// loader has set the clock, what board.h expects.
double memory_peak_bytes_per_second();

}  // namespace brim
