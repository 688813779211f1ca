"""What the scripts of this folder may say to Vivado 2023.2: a table from its documentation, typed in by hand.

Commands: UG835. Parameters, pins and address segments: PG201 (zynq_ultra_ps_e), PG065 (clk_wiz), PG164 (proc_sys_reset),
PG247 (smartconnect), the IP catalogue (xlconstant). Only what is used stands here, and beside each command all options that
go with it, so that a misspelt one is found.
"""

# name: (options without a value, options with one, least and most other words)
COMMANDS = {
    "create_project": ({"force", "in_memory", "ip", "rtl_kernel"}, {"part"}, 0, 2),
    "add_files": ({"norecurse", "scan_for_includes"}, {"fileset", "of_objects", "copy_to"}, 0, 1),
    "update_compile_order": ({"force_gui"}, {"fileset"}, 0, 0),
    "make_wrapper": ({"top", "testbench", "inst_template", "import", "force"}, {"files", "fileset"}, 0, 1),
    "launch_runs": ({"scripts_only", "next_step", "force"}, {"jobs", "lsf", "sge", "dir", "to_step", "host"}, 1, 1),
    "wait_on_run": (set(), {"timeout", "exit_condition"}, 1, 1),
    "open_run": (set(), {"name", "pr_config"}, 1, 1),
    "report_timing_summary": (
        {"check_timing_verbose", "no_detailed_paths", "setup", "hold", "unique_pins", "no_reused_label", "input_pins",
         "routable_nets", "report_unconstrained", "no_header", "append", "return_string", "warn_on_violation", "datasheet"},
        {"delay_type", "max_paths", "nworst", "path_type", "slack_lesser_than", "significant_digits", "file", "name", "cells",
         "rpx"}, 0, 0),
    "report_utilization": ({"append", "return_string", "packthru", "slr", "hierarchical", "hierarchical_percentages"},
                           {"file", "pblocks", "cells", "name", "spreadsheet_file", "spreadsheet_table", "hierarchical_depth"},
                           0, 0),
    "report_pulse_width": ({"append", "return_string", "warn_on_violation", "all_violators", "limit", "min_period", "max_period",
                            "low_pulse", "high_pulse", "max_skew", "no_header"},
                           {"file", "name", "significant_digits", "clocks", "cells", "rpx"}, 0, 1),
    "report_methodology": ({"merge_exceptions", "waived", "no_waivers", "append", "return_string"},
                           {"name", "cells", "checks", "slack_lesser_than", "file", "rpx"}, 0, 0),
    "report_cdc": ({"details", "summary", "all_checks_per_endpoint", "append", "no_header", "show_waiver", "no_waiver", "waived",
                    "return_string"}, {"from", "to", "cells", "severity", "file", "name"}, 0, 0),
    "report_control_sets": ({"append", "return_string", "hierarchical", "verbose", "no_header"},
                            {"file", "sort_by", "cells", "hierarchical_depth"}, 0, 0),
    "report_high_fanout_nets": ({"append", "ascending", "load_types", "clock_regions", "slr", "timing", "histogram",
                                 "return_string"},
                                {"file", "max_nets", "fanout_greater_than", "fanout_lesser_than", "name", "cells", "clocks"}, 0, 0),
    "write_hw_platform": ({"fixed", "force", "include_bit", "include_sim_content", "minimal"}, {"file", "hw", "hw_emu"}, 0, 1),
    "create_bd_design": ({"bdsource"}, {"dir", "cell"}, 1, 1),
    "create_bd_cell": (set(), {"type", "vlnv", "reference", "revision"}, 1, 1),
    "apply_bd_automation": (set(), {"rule", "config", "dict"}, 1, 1),
    "connect_bd_net": (set(), {"net", "boundary_type", "auto"}, 2, 99),
    "connect_bd_intf_net": ({"auto"}, {"intf_net", "boundary_type"}, 2, 2),
    "assign_bd_address": ({"external", "force"},
                          {"target_address_space", "boundary", "master_boundary", "combine_segments", "import_from_file",
                           "export_to_file", "export_gui_to_file", "offset", "range", "dict"}, 0, 1),
    "exclude_bd_addr_seg": (set(), {"target_address_space", "offset", "range"}, 1, 1),
    "validate_bd_design": ({"force"}, {"design"}, 0, 0),
    "save_bd_design": (set(), set(), 0, 1),
    "set_property": (set(), {"name", "value", "dict"}, 1, 3),
    "get_property": ({"min", "max"}, set(), 2, 2),
    "get_runs": ({"regexp", "nocase"}, {"filter"}, 0, 1),
    "get_files": ({"regexp", "nocase", "all", "norecurse"},
                  {"filter", "compile_order", "used_in", "of_objects"}, 0, 1),
    "get_timing_paths": ({"setup", "hold", "no_report_unconstrained", "unique_pins", "regexp", "nocase", "user_ignored",
                          "routable_nets"},
                         {"from", "rise_from", "fall_from", "to", "rise_to", "fall_to", "through", "rise_through",
                          "fall_through", "delay_type", "max_paths", "nworst", "slack_lesser_than", "slack_greater_than", "group",
                          "filter", "cell", "sort_by"}, 0, 0),
    "get_bd_pins": ({"regexp", "hierarchical"}, {"filter", "of_objects"}, 0, 1),
    "get_bd_intf_pins": ({"regexp", "hierarchical"}, {"filter", "of_objects"}, 0, 1),
    "get_bd_addr_spaces": ({"regexp", "hierarchical"}, {"filter", "of_objects"}, 0, 1),
    "get_bd_addr_segs": ({"regexp", "hierarchical", "excluded", "addressed", "unaddressed", "addressing", "addressables"},
                         {"filter", "of_objects", "with_locktype"}, 0, 1),
}
# Of every command.
EVERYWHERE = {"quiet", "verbose"}

# Properties by the object they belong to, as the stand-ins name it.
PROPERTIES = {
    "project": {"board_part", "board_connections", "target_language"},
    "fileset": {"top", "verilog_define"},
    "synth_1": {"strategy", "PROGRESS"},
    "impl_1": {"strategy", "PROGRESS"},
    "system.bd": {"synth_checkpoint_mode"},
    "timing_path": {"SLACK"},
}
STRATEGIES = {"synth_1": {"Flow_PerfOptimized_high", "Flow_AreaOptimized_high", "Vivado Synthesis Defaults"},
              "impl_1": {"Performance_ExplorePostRoutePhysOpt", "Performance_Explore", "Performance_ExtraTimingOpt",
                         "Vivado Implementation Defaults"}}

IPS = {"ps": "xilinx.com:ip:zynq_ultra_ps_e", "clock": "xilinx.com:ip:clk_wiz", "reset": "xilinx.com:ip:proc_sys_reset",
       "one": "xilinx.com:ip:xlconstant", "control": "xilinx.com:ip:smartconnect"}

_SLAVES = ("HPC0", "HPC1", "HP0", "HP1", "HP2", "HP3")  # GP0 to GP5

# Parameters (without CONFIG.) of each block.
PARAMETERS = {
    "ps": {f"PSU__USE__S_AXI_GP{i}" for i in range(7)} | {f"PSU__SAXIGP{i}__DATA_WIDTH" for i in range(7)}
          | {f"PSU__USE__M_AXI_GP{i}" for i in range(3)} | {f"PSU__MAXIGP{i}__DATA_WIDTH" for i in range(3)}
          | {f"PSU__DDRC__{name}" for name in ("MEMORY_TYPE", "COMPONENTS", "BUS_WIDTH", "DRAM_WIDTH", "DEVICE_CAPACITY",
                                               "BG_ADDR_COUNT", "BANK_ADDR_COUNT", "ROW_ADDR_COUNT", "COL_ADDR_COUNT",
                                               "RANK_ADDR_COUNT", "ECC")}
          | {"PSU__CRF_APB__DDR_CTRL__FREQMHZ", "PSU__HIGH_ADDRESS__ENABLE", "PSU__FPGA_PL0_ENABLE",
             "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ", "PSU__USE__IRQ0"},
    "clock": {"PRIM_IN_FREQ", "CLKOUT1_REQUESTED_OUT_FREQ", "USE_RESET", "USE_LOCKED", "RESET_TYPE", "PRIMITIVE"},
    "reset": {"C_EXT_RESET_HIGH", "C_AUX_RESET_HIGH", "C_NUM_BUS_RST", "C_NUM_PERP_RST", "C_EXT_RST_WIDTH", "C_AUX_RST_WIDTH"},
    "one": {"CONST_WIDTH", "CONST_VAL"},
    "control": {"NUM_SI", "NUM_MI", "NUM_CLKS", "HAS_ARESETN"},
}

PINS = {
    "ps": {"pl_clk0", "pl_resetn0", "maxihpm0_fpd_aclk", "pl_ps_irq0"} | {f"saxi{port.lower()}_fpd_aclk" for port in _SLAVES},
    "clock": {"clk_in1", "clk_out1", "locked", "reset"},
    "reset": {"slowest_sync_clk", "ext_reset_in", "aux_reset_in", "mb_debug_sys_rst", "dcm_locked", "mb_reset",
              "bus_struct_reset", "peripheral_reset", "interconnect_aresetn", "peripheral_aresetn"},
    "one": {"dout"},
    "control": {"aclk", "aresetn"},
}
INTERFACES = {"ps": {"M_AXI_HPM0_FPD", "M_AXI_HPM1_FPD"} | {f"S_AXI_{port}_FPD" for port in _SLAVES},
              "control": {"S00_AXI", "M00_AXI"}}
SEGMENTS = {f"ps/SAXIGP{i}/{port}_{segment}" for i, port in enumerate(_SLAVES)
            for segment in ("DDR_LOW", "DDR_HIGH", "LPS_OCM", "QSPI")} | {"accelerator/s_axi/reg0"}
AUTOMATION = {"xilinx.com:bd_rule:zynq_ultra_ps_e": {"apply_board_preset"}}
