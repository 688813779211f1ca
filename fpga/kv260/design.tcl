# The block design: processing system, accelerator, clock and reset. NOT RUN (see build.tcl).
#
# What the boot firmware on the module has set up stays as it is when U-Boot loads a bitstream: the DDR controller,
# pl_clk0 (100 MHz) and the widths of the AXI ports. So nothing here relies on other settings: 300 MHz come from an
# MMCM, the ports have the widths that they have after power-on (128 bits), and reset follows the MMCM's lock
# rather than pl_resetn0, which is a GPIO of the processing system.

# The module's memory, as boards/kv260.json describes it: 64 bits of DDR4-2400, four chips of 8 Gb x16. Timings are those
# of the board's preset.
set ddr {
    PSU__DDRC__MEMORY_TYPE {DDR 4}
    PSU__DDRC__COMPONENTS {Components}
    PSU__DDRC__BUS_WIDTH {64 Bit}
    PSU__DDRC__DRAM_WIDTH {16 Bits}
    PSU__DDRC__DEVICE_CAPACITY {8192 MBits}
    PSU__DDRC__BG_ADDR_COUNT {1}
    PSU__DDRC__BANK_ADDR_COUNT {2}
    PSU__DDRC__ROW_ADDR_COUNT {16}
    PSU__DDRC__COL_ADDR_COUNT {10}
    PSU__DDRC__RANK_ADDR_COUNT {0}
    PSU__DDRC__ECC {Disabled}
    PSU__CRF_APB__DDR_CTRL__FREQMHZ {1200}
    PSU__HIGH_ADDRESS__ENABLE {1}
}

# Which port of the processing system each master of the accelerator has, as boards/kv260.json says: each stream port
# leads to an input of its own of the DDR controller (HP1 and HP2 share one).
set port_of {m_axi_0 HP0 m_axi_1 HP1 m_axi_2 HP3 m_axi_3 HPC1 m_axi_aux HPC0}

# S_AXI_<port>_FPD by the processing system's own numbers.
set number_of {HPC0 0 HPC1 1 HP0 2 HP1 3 HP2 4 HP3 5}

# M_AXI_HPM0_FPD is master GP0.
set ports {
    PSU__USE__M_AXI_GP0 {1}
    PSU__MAXIGP0__DATA_WIDTH {128}
    PSU__USE__M_AXI_GP1 {0}
    PSU__USE__M_AXI_GP2 {0}
    PSU__FPGA_PL0_ENABLE {1}
    PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ {100}
    PSU__USE__IRQ0 {1}
}
foreach port [dict values $port_of] {
    set number [dict get $number_of $port]
    lappend ports PSU__USE__S_AXI_GP$number 1 PSU__SAXIGP${number}__DATA_WIDTH 128
}

# Properties of an IP, given without their prefix.
proc configure {cell settings} {
    set list {}
    foreach {name value} $settings { lappend list CONFIG.$name $value }
    set_property -dict $list $cell
}

proc net {args} {
    set pins {}
    foreach pin $args { lappend pins [get_bd_pins $pin] }
    connect_bd_net {*}$pins
}

proc interface {from to} { connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to] }

# A master sees the two regions of DDR that images use, and nothing else of what its port leads to.
proc map_memory {master port} {
    set space [get_bd_addr_spaces accelerator/$master]
    set segments ps/SAXIGP[dict get $::number_of $port]/${port}
    foreach {segment offset} {DDR_LOW 0x0 DDR_HIGH 0x800000000} {
        assign_bd_address -offset $offset -range 2G -target_address_space $space [get_bd_addr_segs ${segments}_$segment]
    }
    foreach segment {LPS_OCM QSPI} {
        exclude_bd_addr_seg -target_address_space $space [get_bd_addr_segs ${segments}_$segment]
    }
}

# `module` is brim_kv260 or memtest_kv260, whose ports are named alike, with these parameters.
proc create_design {module parameters} {
    create_bd_design system

    set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e ps]
    apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {apply_board_preset "1"} $ps
    configure $ps $::ddr
    configure $ps $::ports

    set clock [create_bd_cell -type ip -vlnv xilinx.com:ip:clk_wiz clock]
    # Its input's frequency, 99.999 MHz after the divider, comes with the connection.
    configure $clock {CLKOUT1_REQUESTED_OUT_FREQ 300.000 USE_RESET false USE_LOCKED true}
    set reset [create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset]
    configure $reset {C_EXT_RESET_HIGH 0 C_AUX_RESET_HIGH 0}
    set one [create_bd_cell -type ip -vlnv xilinx.com:ip:xlconstant one]
    configure $one {CONST_WIDTH 1 CONST_VAL 1}

    # The register block is AXI4-Lite at 32 bits.
    set control [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect control]
    configure $control {NUM_SI 1 NUM_MI 1}
    set accelerator [create_bd_cell -type module -reference $module accelerator]
    configure $accelerator $parameters

    net ps/pl_clk0 clock/clk_in1
    set clocked {accelerator/aclk control/aclk reset/slowest_sync_clk ps/maxihpm0_fpd_aclk}
    foreach port [dict values $::port_of] { lappend clocked ps/saxi[string tolower $port]_fpd_aclk }
    net clock/clk_out1 {*}$clocked
    net clock/locked reset/dcm_locked
    net one/dout reset/ext_reset_in
    net reset/peripheral_aresetn accelerator/aresetn control/aresetn

    interface ps/M_AXI_HPM0_FPD control/S00_AXI
    interface control/M00_AXI accelerator/s_axi
    dict for {master port} $::port_of { interface accelerator/$master ps/S_AXI_${port}_FPD }
    # pl_ps_irq0[0] is interrupt 121 of the GIC.
    net accelerator/interrupt ps/pl_ps_irq0

    # Where firmware/board.h looks for the registers.
    assign_bd_address -offset 0xA0000000 -range 4K -target_address_space [get_bd_addr_spaces ps/Data] \
        [get_bd_addr_segs accelerator/s_axi/reg0]
    dict for {master port} $::port_of { map_memory $master $port }

    validate_bd_design
    save_bd_design
}
