# Builds the KV260's bitstream from rtl/:
#
#     vivado -mode batch -source fpga/kv260/build.tcl -tclargs BRIM_PKG OUTPUT [TOKENS|memtest]
#
# BRIM_PKG is the generated brim_pkg.sv, OUTPUT a folder to be made, TOKENS 1, 4 (default) or 8; or the memory tester
# instead of the accelerator.
#
# NOT RUN: written for Vivado 2023.2 from public documentation, without Vivado at hand. fpga/kv260/check.py runs it on
# stand-ins for Vivado's commands and compares every name and width with the RTL, the firmware and the board file.
set here [file dirname [file normalize [info script]]]
source [file join $here design.tcl]

proc add_memtest {here} {
    foreach file {memtest_port.sv memtest.sv memtest_kv260.v} {
        add_files -norecurse [file join $here memtest $file]
    }
    add_files -fileset constrs_1 -norecurse [file join $here brim.xdc]
    update_compile_order -fileset sources_1
}

# The accelerator's sources: packages first, as everything refers to them.
proc add_sources {here package} {
    set rtl [file normalize [file join $here .. .. rtl]]
    set packages [lsort [glob [file join $rtl *_pkg.sv]]]
    set modules {}
    foreach file [lsort [glob [file join $rtl *.sv]]] {
        if {$file ni $packages} { lappend modules $file }
    }
    add_files -norecurse [concat [list $package] $packages $modules]
    add_files -norecurse [file join $here brim_kv260.v]
    # DSP48E2 and URAM288 as rtl/ instantiates them, not as the tool would recognise them.
    set_property verilog_define ULTRASCALE_PLUS=1 [current_fileset]
    add_files -fileset constrs_1 -norecurse [file join $here brim.xdc]
    update_compile_order -fileset sources_1
}

# Waits for a run and stops the script where it failed.
proc finish_run {run} {
    wait_on_run $run
    if {[get_property PROGRESS [get_runs $run]] ne "100%"} { error "$run did not finish: see its log in the project folder" }
}

proc build {here package output tokens} {
    create_project brim $output -part xck26-sfvc784-2LV-c -force
    set_property board_part xilinx.com:kv260_som:part0:1.4 [current_project]
    set_property board_connections {som240_1_connector xilinx.com:kv260_carrier:som240_1_connector:1.3} [current_project]
    set_property target_language Verilog [current_project]

    if {$tokens eq "memtest"} {
        add_memtest $here
        create_design memtest_kv260 {CLOCK_KHZ 300000}
    } else {
        add_sources $here $package
        create_design brim_kv260 [list TOKENS $tokens]
    }
    # Synthesised with the rest and its strategy, not out of context with the default one.
    set_property synth_checkpoint_mode None [get_files system.bd]
    set wrapper [make_wrapper -files [get_files system.bd] -top]
    add_files -norecurse $wrapper
    set_property top system_wrapper [current_fileset]

    # Delay lines without reset become shift registers; the hierarchy is kept where it helps reports.
    set_property strategy Flow_PerfOptimized_high [get_runs synth_1]
    set_property strategy Performance_ExplorePostRoutePhysOpt [get_runs impl_1]
    launch_runs synth_1 -jobs 4
    finish_run synth_1
    launch_runs impl_1 -to_step write_bitstream -jobs 4
    finish_run impl_1

    open_run impl_1
    report_timing_summary -delay_type min_max -max_paths 20 -report_unconstrained -file [file join $output timing.txt]
    report_pulse_width -file [file join $output pulse_width.txt]
    report_methodology -file [file join $output methodology.txt]
    report_cdc -details -file [file join $output cdc.txt]
    report_control_sets -verbose -file [file join $output control_sets.txt]
    report_high_fanout_nets -timing -load_types -max_nets 50 -file [file join $output fanout.txt]
    report_utilization -hierarchical -file [file join $output utilization.txt]
    foreach check {setup hold} {
        set slack [get_property SLACK [get_timing_paths -max_paths 1 -$check]]
        if {$slack < 0} { error "the design misses $check at 300 MHz by [expr {-$slack}] ns: see timing.txt" }
    }

    # brim.bit for `fpga loadb`, brim.bit.bin (no header, as `fpga load` and Linux want it).
    set bit [file join $output brim.bit]
    file copy -force [file join $output brim.runs impl_1 system_wrapper.bit] $bit
    set bif [open [file join $output brim.bif] w]
    puts $bif "all:\n{\n  \[destination_device = pl\] $bit\n}"
    close $bif
    exec bootgen -image [file join $output brim.bif] -arch zynqmp -process_bitstream bin -w on
    write_hw_platform -fixed -include_bit -force -file [file join $output brim.xsa]
}

if {[llength $argv] < 2} { error "usage: build.tcl BRIM_PKG OUTPUT \[TOKENS|memtest\]" }
build $here [file normalize [lindex $argv 0]] [file normalize [lindex $argv 1]] \
    [expr {[llength $argv] > 2 ? [lindex $argv 2] : 4}]
