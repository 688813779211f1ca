# Constraints of the bitstream. NOT RUN (see build.tcl). The clock comes with the clocking wizard's own constraints, and no
# pin of the module is used: the accelerator talks to the processing system only.

set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
