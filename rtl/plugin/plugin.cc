// The Verilated brim_top as a shared library: src/rtl_target/model.h.
#include <verilated.h>

#include <cstring>
#include <memory>

#include BRIM_VERILATED_HEADER
#include "rtl_target/fingerprint.h"
#include "rtl_target/model.h"

namespace brim::rtl_target {
namespace {

class VerilatedTop final : public Model {
 public:
  VerilatedTop() : top_(&context_) {
    top_.aclk = 0;
    top_.s_axi_wstrb = 0xF;
  }
  ~VerilatedTop() override { top_.final(); }

  void settle(Pins& pins) override {
    put_inputs(pins);
    top_.eval();
    get_outputs(pins);
  }

  void clock() override {
    top_.aclk = 1;
    top_.eval();
    top_.aclk = 0;
  }

 private:
  void put_inputs(const Pins& pins) {
    top_.aresetn = pins.aresetn;
    const RegisterPins& registers = pins.registers;
    top_.s_axi_awaddr = registers.awaddr;
    top_.s_axi_awvalid = registers.awvalid;
    top_.s_axi_wdata = registers.wdata;
    top_.s_axi_wvalid = registers.wvalid;
    top_.s_axi_bready = registers.bready;
    top_.s_axi_araddr = registers.araddr;
    top_.s_axi_arvalid = registers.arvalid;
    top_.s_axi_rready = registers.rready;
#define BRIM_PUT_READ(port, pins)               \
  top_.m_axi_##port##_arready = (pins).arready; \
  top_.m_axi_##port##_rvalid = (pins).rvalid;   \
  top_.m_axi_##port##_rlast = (pins).rlast;     \
  top_.m_axi_##port##_rresp = (pins).rresp;     \
  std::memcpy(&top_.m_axi_##port##_rdata, (pins).rdata.data(), kTransferBytes)
    BRIM_PUT_READ(0, pins.reads[0]);
    BRIM_PUT_READ(1, pins.reads[1]);
    BRIM_PUT_READ(2, pins.reads[2]);
    BRIM_PUT_READ(3, pins.reads[3]);
    BRIM_PUT_READ(aux, pins.reads[kAuxPort]);
#undef BRIM_PUT_READ
    top_.m_axi_aux_awready = pins.write.awready;
    top_.m_axi_aux_wready = pins.write.wready;
    top_.m_axi_aux_bvalid = pins.write.bvalid;
    top_.m_axi_aux_bresp = pins.write.bresp;
  }

  void get_outputs(Pins& pins) {
    RegisterPins& registers = pins.registers;
    registers.awready = top_.s_axi_awready;
    registers.wready = top_.s_axi_wready;
    registers.bvalid = top_.s_axi_bvalid;
    registers.arready = top_.s_axi_arready;
    registers.rvalid = top_.s_axi_rvalid;
    registers.rdata = top_.s_axi_rdata;
#define BRIM_GET_READ(port, pins)               \
  (pins).araddr = top_.m_axi_##port##_araddr;   \
  (pins).arlen = top_.m_axi_##port##_arlen;     \
  (pins).arvalid = top_.m_axi_##port##_arvalid; \
  (pins).rready = top_.m_axi_##port##_rready
    BRIM_GET_READ(0, pins.reads[0]);
    BRIM_GET_READ(1, pins.reads[1]);
    BRIM_GET_READ(2, pins.reads[2]);
    BRIM_GET_READ(3, pins.reads[3]);
    BRIM_GET_READ(aux, pins.reads[kAuxPort]);
#undef BRIM_GET_READ
    WritePins& write = pins.write;
    write.awaddr = top_.m_axi_aux_awaddr;
    write.awlen = top_.m_axi_aux_awlen;
    write.awvalid = top_.m_axi_aux_awvalid;
    write.wstrb = top_.m_axi_aux_wstrb;
    write.wlast = top_.m_axi_aux_wlast;
    write.wvalid = top_.m_axi_aux_wvalid;
    std::memcpy(write.wdata.data(), &top_.m_axi_aux_wdata, kTransferBytes);
    write.bready = top_.m_axi_aux_bready;
    pins.interrupt = top_.__SYM__interrupt;
  }

  VerilatedContext context_;
  BRIM_VERILATED_CLASS top_;
};

}  // namespace

extern "C" {
extern const char brim_rtl_fingerprint[];
const char brim_rtl_fingerprint[] = BRIM_RTL_FINGERPRINT;
Model* brim_rtl_make() { return std::make_unique<VerilatedTop>().release(); }
}

}  // namespace brim::rtl_target
