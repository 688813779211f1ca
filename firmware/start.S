// Entry, at EL3, EL2 or EL1, by a boot loader or out of reset. Stays at the level it was entered at.

// SCTLR_ELx: M (MMU), A (alignment check), C (data cache), I (instruction cache).
#define SCTLR_OFF_MASK 0x1007

    .macro  disable_mmu sctlr
    mrs     x2, \sctlr
    mov     x3, #SCTLR_OFF_MASK
    bic     x2, x2, x3
    msr     \sctlr, x2
    isb
    .endm

    .section .text.start, "ax"
    .global _start
_start:
    msr     daifset, #15
    mrs     x0, mpidr_el1
    and     x0, x0, #0xff
    cbnz    x0, park                    // one core does all: the others sleep for good

    // A boot loader may hand over with its caches on. What they hold must reach memory before they are
    // switched off, or this program's own bytes may be lost with them.
    bl      clean_data_cache
    adr     x1, vectors
    mrs     x0, CurrentEL
    cmp     x0, #(3 << 2)
    b.eq    at_el3
    cmp     x0, #(2 << 2)
    b.eq    at_el2

    disable_mmu sctlr_el1
    mov     x2, #(3 << 20)              // CPACR_EL1.FPEN: floating point and NEON do not trap
    msr     cpacr_el1, x2
    msr     vbar_el1, x1
    b       enter
at_el2:
    disable_mmu sctlr_el2
    mov     x2, #0x33ff                 // CPTR_EL2: its RES1 bits, no traps
    msr     cptr_el2, x2
    mov     x2, #0x80000000             // HCR_EL2.RW
    orr     x2, x2, #(1 << 5)           // AMO: bus errors that come late are taken here
    msr     hcr_el2, x2
    msr     vbar_el2, x1
    b       enter
at_el3:
    disable_mmu sctlr_el3
    mrs     x2, S3_1_C15_C2_1           // CPUECTLR_EL1.SMPEN: without it the Cortex-A53's caches may not be used
    orr     x2, x2, #(1 << 6)
    msr     S3_1_C15_C2_1, x2
    msr     cptr_el3, xzr
    mrs     x2, scr_el3
    orr     x2, x2, #(1 << 3)           // EA: bus errors are taken here
    orr     x2, x2, #(1 << 10)          // RW
    msr     scr_el3, x2
    msr     vbar_el3, x1

enter:
    // Until the caches were off, lines may have been fetched or written again.
    bl      clean_data_cache
    ic      iallu
    dsb     sy
    isb
    ldr     x2, =stack_top              // exceptions need it
    mov     sp, x2
    msr     daifclr, #4                 // SError: a late bus error must not go unnoticed
    ldr     x1, =bss_start
    ldr     x2, =bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  mov     x29, xzr
    mov     x30, xzr
    bl      firmware_main
park:
    wfe
    b       park

// Cleans and invalidates all data caches by set and way up to the point of coherency (Arm ARM, D7.5.9.1).
// Uses no stack; clobbers x2 to x12.
clean_data_cache:
    dsb     sy
    mrs     x2, clidr_el1
    ubfx    x3, x2, #24, #3             // LoC
    mov     x4, xzr                     // level
1:  cmp     x4, x3
    b.hs    4f
    add     x5, x4, x4, lsl #1
    lsr     x6, x2, x5
    and     x6, x6, #7
    cmp     x6, #2                      // no data cache at this level
    b.lo    3f
    lsl     x5, x4, #1
    msr     csselr_el1, x5
    isb
    mrs     x6, ccsidr_el1
    and     x7, x6, #7
    add     x7, x7, #4                  // log2 of the line size
    ubfx    x8, x6, #3, #10             // ways - 1
    ubfx    x9, x6, #13, #15            // sets - 1
    clz     w10, w8                     // where the way stands in the operand
2:  mov     x11, x9
5:  lsl     x12, x8, x10
    orr     x12, x12, x5
    lsl     x6, x11, x7
    orr     x12, x12, x6
    dc      cisw, x12
    subs    x11, x11, #1
    b.ge    5b
    subs    x8, x8, #1
    b.ge    2b
3:  add     x4, x4, #1
    b       1b
4:  dsb     sy
    isb
    ret

    .section .bss.stack, "aw", %nobits
    .balign 16
    .space  65536
stack_top:
