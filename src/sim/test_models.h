// Small models for the simulator's tests, and short ways to simulate them.
#pragma once

#include <string>
#include <vector>

#include "compile/build_program.h"
#include "compile/planner.h"
#include "sim/pass.h"

namespace brim::sim {

inline ModelDescription test_model(const char* name, uint32_t heads, uint32_t kv_heads, uint32_t head_size) {
  ModelDescription model;
  model.name = name;
  model.dim = 1024;
  model.layers = 2;
  model.heads = heads;
  model.kv_heads = kv_heads;
  model.head_size = head_size;
  model.hidden = 2816;  // 22 groups: pages of 2 x 64
  model.vocabulary = 1000;
  model.trained_context = 256;
  return model;
}

// Multi-head attention; grouped queries with norms; short heads in an odd number, with biases.
inline std::vector<ModelDescription> test_models() {
  std::vector<ModelDescription> models = {test_model("multi-head", 8, 8, 128),
                                          test_model("grouped", 8, 2, 128),
                                          test_model("short heads", 15, 5, 64)};
  models[1].qk_norm = true;
  models[2].qkv_bias = true;
  return models;
}

inline LoadedProgram loaded(const ModelDescription& model, const Plan& plan) {
  return {build_program(model, plan.addresses), plan.region(RegionKind::kProgram).address};
}

inline PassResult simulate(const ModelDescription& model, const Board& board, const PassRequest& pass,
                           const Design& design = {}) {
  return simulate_pass(board, loaded(model, plan_image(model, board, {.context = 256})), pass, design);
}
inline PassResult simulate(const ModelDescription& model, const std::string& board, const PassRequest& pass,
                           const Design& design = {}) {
  return simulate(model, load_board(board), pass, design);
}

}  // namespace brim::sim
