#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"
#include "cli/command.h"
#include "compile/matrix.h"
#include "image/baked_prompt.h"
#include "image/memory_map_svg.h"
#include "isa/disassemble.h"
#include "tokenizer/summary.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string svg;
  bool json = false;
  bool program = false;
  bool draft = false;
};

uint64_t capacity(const ImageHeader& header) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < header.memory_count; ++i) bytes += header.memory[i].bytes;
  return bytes;
}

uint64_t used(const MappedImage& image) {
  uint64_t bytes = 0;
  for (const RegionEntry& region : image.regions()) bytes += region.bytes;
  return bytes;
}

uint64_t used(const MappedImage& image, uint16_t model) {
  uint64_t bytes = 0;
  for (const RegionEntry& region : image.regions()) bytes += region.model == model ? region.bytes : 0;
  return bytes;
}

const char* embedding_name(EmbeddingFormat format) {
  static constexpr const char* kNames[] = {"fp16", "q8", "q4"};
  return kNames[static_cast<uint32_t>(format)];
}

const char* prompt_kind(PromptKind kind) { return kind == PromptKind::kSystem ? "system prompt" : "text"; }

nlohmann::json json_of(const Tokenizer& tokenizer) {
  const TokenizerSummary summary = summarise(tokenizer);
  const auto token = [](const TokenizerSummary::Token& t) {
    return nlohmann::json{{"id", t.id}, {"text", t.text}};
  };
  nlohmann::json ends = nlohmann::json::array();
  for (const auto& end : summary.ends) ends.push_back(token(end));
  nlohmann::json added = nlohmann::json::array();
  for (const auto& each : summary.added) {
    added.push_back(token(each));
    added.back()["special"] = each.special;
  }
  return {{"kind", summary.kind},
          {"vocabulary", tokenizer.vocabulary_size()},
          {"bos", summary.bos ? token(*summary.bos) : nlohmann::json()},
          {"adds_bos", summary.adds_bos},
          {"ends", ends},
          {"added_tokens", added},
          {"chat_templates", summary.templates},
          {"chat_table", tokenizer.chat_table().has(kHasChatTable)},
          {"notes", summary.notes}};
}

// With line breaks and the like spelt out.
std::string shown(const std::string& text) {
  const std::string quoted =
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

void print_tokenizer(const Tokenizer& tokenizer) {
  const TokenizerSummary summary = summarise(tokenizer);
  const auto list = [](const auto& tokens) {
    constexpr size_t kMost = 12;
    std::string text;
    for (size_t i = 0; i < std::min(tokens.size(), kMost); ++i) {
      text += (i ? ", " : "") + shown(tokens[i].text) + " (" + std::to_string(tokens[i].id) + ")";
    }
    if (tokens.size() > kMost) text += " and " + std::to_string(tokens.size() - kMost) + " more";
    return tokens.empty() ? std::string("none") : text;
  };
  std::printf("tokens   %u, %s; %s\n", tokenizer.vocabulary_size(), summary.kind.c_str(),
              !summary.bos       ? "no first token"
              : summary.adds_bos ? ("texts begin with " + list(std::vector{*summary.bos})).c_str()
                                 : (list(std::vector{*summary.bos}) + " is not put before texts").c_str());
  std::printf("ends     %s\n", list(summary.ends).c_str());
  std::printf("added    %s\n", list(summary.added).c_str());
  const ChatTable table = tokenizer.chat_table();
  std::string templates;
  for (const std::string& name : summary.templates)
    templates += (templates.empty() ? "" : ", ") + shown(name);
  if (templates.empty() && !table.has(kHasChatTable)) {
    std::printf("template none: turns of a chat are plain lines\n");
  } else {
    std::printf("template %s; %s\n", templates.empty() ? "none" : templates.c_str(),
                !table.has(kHasChatTable) ? "no table for the board: turns are plain lines there"
                : table.has(kTakesSystem) ? "a table for the board, with a system prompt"
                                          : "a table for the board, without a system prompt");
  }
  if (table.has(kHasChatTable)) {
    std::printf("chat     %s{question}%s{answer}%s\n", shown(std::string(table[kChatBegin])).c_str(),
                shown(std::string(table[kChatAnswerPrompt])).c_str(),
                shown(std::string(table[kChatAnswerEnd])).c_str());
  }
  for (const std::string& note : summary.notes) std::printf("note     %s\n", note.c_str());
}

void print_json(const MappedImage& image) {
  const ImageHeader& header = image.header();
  const ImageModel& model = header.model;
  nlohmann::json regions = nlohmann::json::array();
  for (const RegionEntry& region : image.regions()) {
    regions.push_back({{"name", region.name},
                       {"address", region.address},
                       {"bytes", region.bytes},
                       {"file_offset", region.file_offset},
                       {"file_bytes", region.file_bytes},
                       {"crc32c", region.crc}});
  }
  nlohmann::json report = {
      {"board", header.board},
      {"capacity_bytes", capacity(header)},
      {"used_bytes", used(image)},
      {"capacity_share", static_cast<double>(used(image)) / static_cast<double>(capacity(header))},
      {"context_tokens", header.context},
      {"regions", regions},
      {"model",
       {{"name", model.name},
        {"dim", model.dim},
        {"layers", model.layers},
        {"heads", model.heads},
        {"kv_heads", model.kv_heads},
        {"head_size", model.head_size},
        {"hidden", model.hidden},
        {"vocabulary", model.vocabulary},
        {"trained_context", model.trained_context},
        {"embedding", embedding_name(model.embedding)},
        {"embedding_on_card", image.view().embedding.on_card()},
        {"kv_cache", describe_kv_cache(image.program().header)},
        {"quantiser", model.quantiser}}},
  };
  const Program program = image.program();
  for (const auto& [name, bits] : bits_of_matrices(program))
    report["model"]["bits"][std::string(name)] = bits;
  if (program.header.experts > 0) {
    report["model"]["experts"] = program.header.experts;
    report["model"]["experts_per_token"] = program.header.experts_per_token;
    report["model"]["expert_hidden"] = program.header.expert_hidden;
  }
  if (const auto prompt = baked_prompt(image)) {
    report["prompt"] = {
        {"kind", prompt_kind(prompt->kind)}, {"text", prompt->text}, {"token_ids", prompt->tokens}};
  }
  if (header.has_draft()) {
    const ImageModel& draft = header.draft;
    report["draft"] = {{"name", draft.name},
                       {"dim", draft.dim},
                       {"layers", draft.layers},
                       {"heads", draft.heads},
                       {"kv_heads", draft.kv_heads},
                       {"head_size", draft.head_size},
                       {"hidden", draft.hidden},
                       {"vocabulary", draft.vocabulary},
                       {"embedding", embedding_name(draft.embedding)},
                       {"quantiser", draft.quantiser},
                       {"context_tokens", image.program(kDraftModel).header.context},
                       {"used_bytes", used(image, kDraftModel)}};
  }
  if (!image.tokenizer().empty()) report["tokenizer"] = json_of(Text(image).tokenizer());
  std::cout << report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void print_table(const MappedImage& image) {
  const ImageHeader& header = image.header();
  const ImageModel& model = header.model;
  const Program program = image.program();
  const ProgramHeader& sizes = program.header;
  std::string ffn = model.hidden > 0 ? concat("FFN ", model.hidden) : "";
  if (sizes.experts > 0) {
    ffn += concat(ffn.empty() ? "" : ", ", sizes.experts, " experts of ", sizes.expert_hidden, " (",
                  +sizes.experts_per_token, " per token)");
  }
  std::printf("model    %s: %u layers, dim %u, %u heads (%u KV) of %u, %s, vocabulary %u\n", model.name,
              model.layers, model.dim, model.heads, model.kv_heads, model.head_size, ffn.c_str(),
              model.vocabulary);
  std::string eight_bit;
  for (const auto& [name, bits] : bits_of_matrices(program)) {
    if (bits == 8) eight_bit += concat(eight_bit.empty() ? ", in 8 bit: " : ", ", name);
  }
  std::printf("weights  4 bit%s, groups of %u, quantised by %s; embedding %s%s; KV cache %s\n",
              eight_bit.c_str(), kGroupInputs, model.quantiser, embedding_name(model.embedding),
              image.view().embedding.on_card() ? " on the card" : "", describe_kv_cache(sizes).c_str());
  std::printf("context  %u tokens (trained for %u)\n", header.context, model.trained_context);
  std::printf("board    %s: %.1f of %.0f MiB used (%.2f%%)\n", header.board,
              static_cast<double>(used(image)) / (1 << 20), static_cast<double>(capacity(header)) / (1 << 20),
              100.0 * static_cast<double>(used(image)) / static_cast<double>(capacity(header)));
  if (header.has_draft()) {
    const ImageModel& draft = header.draft;
    std::printf(
        "draft    %s: %u layers, dim %u, %u heads (%u KV) of %u, FFN %u; quantised by %s, embedding %s\n",
        draft.name, draft.layers, draft.dim, draft.heads, draft.kv_heads, draft.head_size, draft.hidden,
        draft.quantiser, embedding_name(draft.embedding));
    std::printf("         context %u tokens, %.1f MiB\n", image.program(kDraftModel).header.context,
                static_cast<double>(used(image, kDraftModel)) / (1 << 20));
  }
  if (!image.tokenizer().empty()) print_tokenizer(Text(image).tokenizer());
  if (const auto prompt = baked_prompt(image)) {
    constexpr size_t kMost = 60;
    std::printf("prompt   %zu tokens of a %s, run already: %s%s\n", prompt->tokens.size(),
                prompt_kind(prompt->kind), shown(prompt->text.substr(0, kMost)).c_str(),
                prompt->text.size() > kMost ? "..." : "");
  }
  if (header.known_pass.tokens > 0) {
    std::printf("check    the last logits of tokens");
    for (uint32_t t = 0; t < header.known_pass.tokens; ++t) std::printf(" %u", header.known_pass.ids[t]);
    std::printf(" have CRC-32C %08x\n", header.known_pass.logits_crc);
  }
  std::printf("\n%-16s %12s %14s %12s %10s\n", "region", "address", "bytes", "file offset", "CRC-32C");
  for (const RegionEntry& region : image.regions()) {
    std::printf("%-16s %#12llx %14llu", region.name, static_cast<unsigned long long>(region.address),
                static_cast<unsigned long long>(region.bytes));
    if (region.file_bytes) {
      std::printf(" %12llu   %08x", static_cast<unsigned long long>(region.file_offset), region.crc);
    }
    std::printf("\n");
  }
}

void print_program(const MappedImage& image, uint16_t model) {
  const Program program = image.program(model);
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    std::cout << i << '\t' << disassemble(program.instructions[i]) << '\n';
  }
}

void inspect(const Options& options) {
  const MappedImage image(options.image);
  if (!options.svg.empty()) write_memory_map_svg(image, options.svg);
  if (options.draft && !image.header().has_draft()) throw Error(options.image + ": has no draft model");
  if (options.program) {
    print_program(image, options.draft ? kDraftModel : kMainModel);
  } else if (options.json) {
    print_json(image);
  } else {
    print_table(image);
  }
  finish_output();
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("inspect", "Show what an image holds and where");
  command->add_option("IMAGE", options->image, "Image file")->required();
  auto* json = command->add_flag("--json", options->json, "Print JSON");
  auto* program =
      command->add_flag("--program", options->program, "Print the decode program")->excludes(json);
  command->add_flag("--draft", options->draft, "Print that of the draft model")->needs(program);
  command->add_option("--svg", options->svg, "Draw the memory map into this file");
  command->callback([options] { inspect(*options); });
}

}  // namespace brim
