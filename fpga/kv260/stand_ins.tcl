# Runs a Vivado script without Vivado: tclsh stand_ins.tcl SCRIPT ARGUMENTS. Each command prints its name and words,
# separated by tabs, lists spread out, and before that a line `syntax` in which each word stands as one. check.py
# compares both with its table of commands; a command that is not listed here stops the script, as does a Tcl error.
proc record {name words} {
    set line syntax\t$name
    foreach word $words { append line "\t" [string map {"\t" " " "\n" " "} $word] }
    puts $line
    set line $name
    foreach word $words { append line "\t" [join $word "\t"] }
    puts $line
}

foreach name {
    create_project add_files update_compile_order make_wrapper launch_runs wait_on_run open_run report_timing_summary
    report_utilization report_pulse_width report_methodology report_cdc report_control_sets report_high_fanout_nets
    write_hw_platform create_bd_design apply_bd_automation connect_bd_net connect_bd_intf_net
    assign_bd_address exclude_bd_addr_seg validate_bd_design save_bd_design set_property
} {
    proc $name {args} [format {record %s $args; return %s} $name $name]
}

# What looks objects up gives their names.
foreach name {get_bd_pins get_bd_intf_pins get_bd_addr_spaces get_bd_addr_segs get_files get_runs} {
    proc $name {args} [format {record %s $args; return [lindex $args end]} $name]
}
proc get_timing_paths {args} {
    record get_timing_paths $args
    return timing_path
}
proc current_project {} { return project }
proc current_fileset {} { return fileset }
proc create_bd_cell {args} {
    record create_bd_cell $args
    return cell:[lindex $args end]
}
proc get_property {name args} {
    record get_property [list $name {*}$args]
    return [dict get {PROGRESS 100% SLACK 0.1} $name]
}

# Files that the tools would have made.
rename exec {}
proc exec {args} { record exec $args }
rename file real_file
proc file {command args} {
    if {$command eq "copy"} { return [record copy $args] }
    return [uplevel 1 [list real_file $command {*}$args]]
}
rename open {}
proc open {name args} { return stdout }
rename close {}
proc close {channel} {}

set script [lindex $argv 0]
set argv [lrange $argv 1 end]
source $script
