# Constraints of the bitstream. NOT RUN (see build.tcl). The clock comes with the clocking wizard's own constraints, and no
# pin of the module is used: the accelerator talks to the processing system only.

# A mistake in the clock's settings must not pass as met timing.
set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]

# The reset reaches every unit's registers; it is synchronous, held for many cycles, and may take two of them to arrive.
set_multicycle_path -setup -from [get_pins -hierarchical -filter {NAME =~ *reset/*/C}] -to [get_cells -hierarchical -filter {NAME =~ *accelerator/*}] 2
set_multicycle_path -hold -from [get_pins -hierarchical -filter {NAME =~ *reset/*/C}] -to [get_cells -hierarchical -filter {NAME =~ *accelerator/*}] 1
