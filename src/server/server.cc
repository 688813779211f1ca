#include "server/server.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <mutex>

#include "base/concat.h"
#include "base/error.h"
#include "engine/token_bytes.h"
#include "runtime/session.h"
#include "server/answer_writer.h"
#include "server/body.h"
#include "server/http_server.h"
#include "server/metrics.h"
#include "server/page.h"
#include "server/slots.h"
#include "tokenizer/chat_program.h"
#include "tokenizer/decoder.h"

namespace brim::server {

namespace {

using httplib::Request;
using httplib::Response;

constexpr const char* kJson = "application/json";
constexpr std::chrono::milliseconds kPatience{100};  // how often it is looked whether a client is still there

// In a time that does not depend on where the two differ.
bool equal_keys(const std::string& given, const std::string& key) {
  unsigned difference = given.size() != key.size() ? 1 : 0;
  for (size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(key[i % key.size()]);
  }
  return difference == 0;
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// Of an address to listen at.
bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// "localhost:8080" or "[::1]:8080" without its port and brackets.
std::string name_of_host(const std::string& header) {
  if (header.starts_with('[')) return header.substr(1, header.find(']') - 1);
  return lower(header.substr(0, header.find(':')));
}

// Whether something may follow the headers.
bool brings_body(const Request& request) {
  return request.has_header("Transfer-Encoding") ||
         (request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0");
}

// Reached without a key: they tell nothing.
bool is_public(const std::string& path) { return path == "/" || path == "/health" || path == "/v1/health"; }

void send(Response& response, const Json& json) { response.set_content(dump(json), kJson); }

void send(Response& response, const ApiError& error) {
  response.status = error.status();
  send(response, error.json());
}

}  // namespace

class Server::Handlers {
 public:
  Handlers(LoadedModel& model, const ServerOptions& options);

  std::string url() const { return concat("http://", options_.host, ":", port_); }
  uint16_t port() const { return port_; }
  void run() { http_.run(); }
  void stop() {
    slots_.stop();
    http_.stop_all();
  }

 private:
  using Handler = void (Handlers::*)(const Request&, Response&);
  using Parse = AnswerRequest (*)(const Json&, const RequestDefaults&);

  // A stream, or a wait for the whole.
  struct Waiting {
    std::shared_ptr<Job> job;
    std::unique_ptr<AnswerWriter> writer;
    std::chrono::steady_clock::time_point looked = std::chrono::steady_clock::now();
    bool begun = false, ended = false;
  };

  void get(const char* path, Handler handler);
  void post(const char* path, Handler handler);
  httplib::Server::Handler guarded(Handler handler);
  httplib::Server::HandlerResponse before_routing(const Request& request, Response& response);
  void check_access(const Request& request, bool origin_allowed, Response& response) const;

  void health(const Request&, Response& response) { send(response, {{"status", "ok"}}); }
  void props(const Request&, Response& response);
  void models(const Request&, Response& response);
  void model(const Request& request, Response& response);
  void metrics(const Request&, Response& response) {
    response.set_content(metrics_text(slots_), "text/plain; version=0.0.4");
  }
  void slots(const Request&, Response& response);
  void slot_action(const Request& request, Response& response);
  void tokenize(const Request& request, Response& response);
  void detokenize(const Request& request, Response& response);
  void apply_template(const Request& request, Response& response);
  void page(const Request&, Response& response) {
    response.set_header("Content-Security-Policy", std::string(kPagePolicy));
    response.set_header("Cache-Control", "no-cache");
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_content(page_html().data(), page_html().size(), "text/html; charset=utf-8");
  }
  void embeddings(const Request&, Response&) {
    throw ApiError(501, "embeddings are not supported: the images hold decoders of text");
  }
  void chat(const Request& request, Response& response) { answer(request, response, parse_chat); }
  void completions(const Request& request, Response& response) {
    answer(request, response, parse_completions);
  }
  void responses(const Request& request, Response& response) { answer(request, response, parse_responses); }

  void answer(const Request& request, Response& response, Parse parse);
  std::shared_ptr<Job> make_job(AnswerRequest request);
  ChatPrompt chat_prompt(const Json& messages, const ChatPromptOptions& options);
  void wait(Waiting& waiting, Response& response);
  static bool gone(Waiting& waiting);
  bool stream(Waiting& waiting, httplib::DataSink& sink);

  Json model_json() const;
  Json default_settings() const;

  LoadedModel& model_;
  const ServerOptions options_;
  const std::string model_id_;
  const std::time_t started_ = std::time(nullptr);
  std::optional<ChatProgram> program_;
  std::string program_problem_;  // why there is none
  std::mutex encoding_;          // encoding takes much memory for long texts: one at a time
  Slots slots_;
  std::atomic<uint64_t> next_job_{1};
  HttpServer http_;  // ends before what its handlers use
  uint16_t port_ = 0;
};

Server::Handlers::Handlers(LoadedModel& model, const ServerOptions& options)
    : model_(model),
      options_(options),
      model_id_(options.alias.empty() ? std::filesystem::path(model.image().path()).stem().string()
                                      : options.alias),
      slots_(model, options.spec, options.context_shift, options.queue),
      http_({.request_seconds = options.request_seconds, .request_bytes = options.max_body}) {
  try {
    program_.emplace(model.tokenizer());
  } catch (const Error& error) {
    program_problem_ = error.what();
  }

  get("/", &Handlers::page);
  for (const char* path : {"/health", "/v1/health"}) get(path, &Handlers::health);
  get("/props", &Handlers::props);
  for (const char* path : {"/models", "/v1/models"}) get(path, &Handlers::models);
  get("/v1/models/(.+)", &Handlers::model);
  get("/metrics", &Handlers::metrics);
  get("/slots", &Handlers::slots);
  post("/slots/([0-9]{1,9})", &Handlers::slot_action);
  post("/tokenize", &Handlers::tokenize);
  post("/detokenize", &Handlers::detokenize);
  post("/apply-template", &Handlers::apply_template);
  for (const char* path : {"/embeddings", "/v1/embeddings"}) post(path, &Handlers::embeddings);
  for (const char* path : {"/chat/completions", "/v1/chat/completions"}) post(path, &Handlers::chat);
  post("/v1/completions", &Handlers::completions);
  for (const char* path : {"/responses", "/v1/responses"}) post(path, &Handlers::responses);

  http_.set_pre_routing_handler(
      [this](const Request& request, Response& response) { return before_routing(request, response); });
  // What httplib refuses by itself.
  http_.set_error_handler([](const Request& request, Response& response) {
    if (!response.body.empty()) return;
    HttpServer::close_behind(response);
    const int status = response.status;
    const std::string message = status == 404   ? concat("there is no ", request.method, " ", request.path)
                                : status == 413 ? "the body is too large; --max-body says how large it may be"
                                : status == 400
                                    ? "this is no whole HTTP request, or its body did not come in time"
                                    : concat("HTTP status ", status);
    send(response, ApiError(status, message));
  });
  // As many as can wait, and some that can be told at once that they cannot.
  const size_t threads = slots_.count() + options.queue + 16;
  http_.new_task_queue = [threads] { return std::make_unique<httplib::ThreadPool>(threads).release(); };
  http_.set_tcp_nodelay(true);
  const int port = options.port != 0 ? (http_.bind_to_port(options.host, options.port) ? options.port : -1)
                                     : http_.bind_to_any_port(options.host);
  if (port <= 0) {
    throw Error(concat("cannot listen at ", options.host, ":", options.port,
                       "; is another server there? choose another --port"));
  }
  port_ = static_cast<uint16_t>(port);
  http_.accept_bursts();
}

void Server::Handlers::get(const char* path, Handler handler) { http_.Get(path, guarded(handler)); }

// The body is read here: of what curl -d calls a form httplib would take 8 KiB at most.
void Server::Handlers::post(const char* path, Handler handler) {
  http_.Post(path, [handle = guarded(handler)](const Request& request, Response& response,
                                               const httplib::ContentReader& read) {
    // httplib would wait for a body up to the end of the connection (RFC 9112 6.3: there is none).
    if (!brings_body(request)) return handle(request, response);
    if (request.is_multipart_form_data()) {
      HttpServer::close_behind(response);
      return send(response, ApiError(415, "forms in parts are not taken; send JSON"));
    }
    Request whole = request;
    const auto append = [&](const char* data, size_t bytes) {
      whole.body.append(data, bytes);
      return true;
    };
    if (read(append)) return handle(whole, response);
    if (response.status < 400) response.status = 400;
  });
}

httplib::Server::Handler Server::Handlers::guarded(Handler handler) {
  return [this, handler](const Request& request, Response& response) {
    try {
      (this->*handler)(request, response);
    } catch (const ApiError& error) {
      if (error.status() == 503) response.set_header("Retry-After", std::to_string(slots_.retry_seconds()));
      send(response, error);
    } catch (const std::exception& error) {
      send(response, ApiError(500, error.what()));
    }
  };
}

httplib::Server::HandlerResponse Server::Handlers::before_routing(const Request& request,
                                                                  Response& response) {
  using enum httplib::Server::HandlerResponse;
  const bool allowed =
      !options_.cors_origin.empty() &&
      (options_.cors_origin == "*" || options_.cors_origin == request.get_header_value("Origin"));
  if (allowed) {
    response.set_header("Access-Control-Allow-Origin", options_.cors_origin);
    response.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type");
    response.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    response.set_header("Vary", "Origin");
  }
  // Bodies of requests other than POST are not read.
  if (request.method != "POST" && brings_body(request)) HttpServer::close_behind(response);
  if (allowed && request.method == "OPTIONS") {
    response.status = 204;
    return Handled;
  }
  try {
    check_access(request, allowed, response);
  } catch (const ApiError& error) {
    HttpServer::close_behind(response);  // the body has not been read
    send(response, error);
    return Handled;
  }
  return Unhandled;
}

// Throws ApiError unless the request's body may be read and handled.
void Server::Handlers::check_access(const Request& request, bool origin_allowed, Response& response) const {
  const std::string host = request.get_header_value("Host");
  // A page whose name has come to mean this machine (DNS rebinding) is told by the name that it asks for. A
  // key it does not have.
  if (!host.empty() && options_.api_key.empty() && is_loopback(options_.host)) {
    const std::string name = name_of_host(host);
    if (name != "localhost" && name != "127.0.0.1" && name != "::1" && name != lower(options_.host)) {
      throw ApiError(403,
                     concat("this server is not '", name, "'; ask localhost, or start it with --api-key"));
    }
  }
  // Browsers tell where a page that asks comes from. Another site's cannot read an answer, but must not make
  // this machine work either.
  const std::string origin = request.get_header_value("Origin");
  const size_t scheme = origin.find("://");
  const std::string from = scheme == std::string::npos ? origin : origin.substr(scheme + 3);
  if (!origin.empty() && !origin_allowed && from != host) {
    throw ApiError(
        403, concat("pages of ", origin, " may not ask this server; start it with --cors-origin ", origin));
  }
  constexpr std::string_view kBearer = "Bearer ";
  const std::string authorization = request.get_header_value("Authorization");
  if (!options_.api_key.empty() && !is_public(request.path) &&
      !(authorization.starts_with(kBearer) &&
        equal_keys(authorization.substr(kBearer.size()), options_.api_key))) {
    response.set_header("WWW-Authenticate", "Bearer");
    throw ApiError(401, "the API key is missing or wrong: Authorization: Bearer KEY", {}, "invalid_api_key");
  }
  // httplib would unpack it, to any size.
  const std::string encoding = lower(request.get_header_value("Content-Encoding"));
  if (!encoding.empty() && encoding != "identity") {
    throw ApiError(415, concat("bodies that are compressed (", encoding, ") are not taken; send it plain"));
  }
}

namespace {

// What a request would say to get the option's value.
Json setting(const SamplerOption& option, const SamplerOptions& options) {
  if (option.decimal != nullptr) return options.*option.decimal;
  if (option.count != nullptr) return options.*option.count;
  if (option.integer != nullptr) return options.*option.integer;
  if (option.number != nullptr) return options.*option.number;
  if (option.flag != nullptr) return options.*option.flag;
  Json list = Json::array();
  if (option.biases != nullptr) {
    for (const LogitBias& each : options.*option.biases) {
      // JSON has no infinity; false forbids a token.
      list.push_back({each.token, std::isfinite(each.bias) ? Json(each.bias) : Json(false)});
    }
  } else if (option.texts != nullptr) {
    const StopTexts& texts = options.*option.texts;
    for (uint32_t i = 0; i < texts.size(); ++i) list.push_back(texts[i]);
  } else if (option.order != nullptr) {
    for (const SamplerStageName stage : options.*option.order) list.push_back(name_of(stage));
  }
  return list;
}

}  // namespace

Json Server::Handlers::default_settings() const {
  Json settings;
  for (const SamplerOption& option : kSamplerOptions) {
    settings[key_of(option)] = setting(option, options_.defaults.sampler);
  }
  if (options_.defaults.random_seed) settings["seed"] = nullptr;
  return settings;
}

void Server::Handlers::props(const Request&, Response& response) {
  const MappedImage& image = model_.image();
  const ImageModel& shape = image.header().model;
  std::string chat_template;
  for (const auto& [name, text] : named_texts(model_.tokenizer(), kTemplates)) {
    if (name == "default") chat_template = text;
  }
  Json regions = Json::array();
  for (const RegionEntry& region : image.regions()) {
    regions.push_back({{"name", region.name}, {"address", region.address}, {"bytes", region.bytes}});
  }
  Json memory = Json::array();
  for (uint32_t i = 0; i < image.header().memory_count; ++i) {
    memory.push_back({{"address", image.header().memory[i].base}, {"bytes", image.header().memory[i].bytes}});
  }
  const Program program = image.program();
  const uint64_t bytes = token_bytes(program, 0);
  send(response, {{"build_info", "brim " BRIM_VERSION},
                  {"model_path", image.path()},
                  {"model", model_id_},
                  {"total_slots", slots_.count()},
                  {"default_generation_settings",
                   {{"n_ctx", model_.executor().context()}, {"params", default_settings()}}},
                  {"chat_template", chat_template},
                  {"chat_template_problem", program_problem_.empty() ? Json() : Json(program_problem_)},
                  {"target", model_.executor().name()},
                  {"tokens_per_pass", model_.executor().max_tokens_per_pass()},
                  {"bytes_per_token", bytes},
                  {"bytes_per_position", token_bytes(program, 1) - bytes},
                  {"read_bandwidth", options_.read_bandwidth},
                  {"shape",
                   {{"dim", shape.dim},
                    {"layers", shape.layers},
                    {"heads", shape.heads},
                    {"kv_heads", shape.kv_heads},
                    {"head_size", shape.head_size},
                    {"hidden", shape.hidden},
                    {"vocabulary", shape.vocabulary},
                    {"trained_context", shape.trained_context}}},
                  {"board", {{"name", image.header().board}, {"memory", memory}, {"regions", regions}}}});
}

Json Server::Handlers::model_json() const {
  return {{"id", model_id_}, {"object", "model"}, {"created", started_}, {"owned_by", "brim"}};
}

void Server::Handlers::models(const Request&, Response& response) {
  send(response, {{"object", "list"}, {"data", Json::array({model_json()})}});
}

void Server::Handlers::model(const Request& request, Response& response) {
  if (request.matches[1] != model_id_) {
    throw ApiError(
        404, concat("there is no model '", request.matches[1].str(), "'; this server has '", model_id_, "'"),
        "model", "model_not_found");
  }
  send(response, model_json());
}

void Server::Handlers::slots(const Request&, Response& response) {
  Json list = Json::array();
  for (const SlotState& slot : slots_.states()) {
    list.push_back({{"id", slot.id},
                    {"is_processing", slot.job != 0},
                    {"id_task", slot.job},
                    {"n_ctx", model_.executor().context()},
                    {"n_past", slot.positions},
                    {"n_decoded", slot.answered}});
  }
  send(response, list);
}

void Server::Handlers::slot_action(const Request& request, Response& response) {
  const auto slot = static_cast<uint32_t>(std::stoul(request.matches[1]));
  const std::string action = request.get_param_value("action");
  if (action == "erase") {
    return send(response, {{"id_slot", slot}, {"n_erased", slots_.erase(slot)}});
  }
  if (action != "save" && action != "restore") {
    throw ApiError(400, "'action' must be save, restore or erase, as in /slots/0?action=save", "action");
  }
  if (options_.slot_save_path.empty()) {
    throw ApiError(501, "slots are not saved here; start the server with --slot-save-path FOLDER");
  }
  const Json json = parse_object(request.body);
  Body body(json);
  const std::string name = body.text("filename").value_or("");
  body.refuse_others();
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (name.empty() || name.size() > 128 || name[0] == '.' ||
      name.find_first_not_of(kAllowed) != std::string::npos) {
    throw ApiError(400, "'filename' must be a name of letters, digits, '.', '_' and '-', without a folder",
                   "filename");
  }
  const std::string path = options_.slot_save_path + "/" + name;
  const bool save = action == "save";
  try {
    const uint32_t tokens = save ? slots_.save(slot, path) : slots_.restore(slot, path);
    send(response, {{"id_slot", slot}, {"filename", name}, {save ? "n_saved" : "n_restored", tokens}});
  } catch (const Error& error) {
    throw ApiError(save ? 500 : 400, error.what(), "filename");
  }
}

void Server::Handlers::tokenize(const Request& request, Response& response) {
  const Json json = parse_object(request.body);
  Body body(json);
  const auto content = body.text("content");
  if (!content) throw ApiError(400, "'content' must be a string", "content");
  const bool special = body.boolean("add_special").value_or(false);
  const bool parse = body.boolean("parse_special").value_or(true);
  body.refuse_others();
  const std::lock_guard lock(encoding_);
  const auto ids = [&] {
    try {
      return encode(model_.tokenizer(), *content,
                    {.add_bos = special && model_.tokenizer().adds_bos(), .parse_special = parse});
    } catch (const Error& error) {
      throw ApiError(400, error.what(), "content");
    }
  }();
  send(response, {{"tokens", ids}});
}

void Server::Handlers::detokenize(const Request& request, Response& response) {
  const Json json = parse_object(request.body);
  Body body(json);
  const Json* tokens = body.list("tokens");
  body.refuse_others();
  if (tokens == nullptr) throw ApiError(400, "'tokens' must be a list of token ids", "tokens");
  std::vector<uint32_t> ids;
  for (const Json& id : *tokens) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= model_.tokenizer().vocabulary_size()) {
      throw ApiError(400,
                     concat("'tokens' has ", dump(id), ", which is no token id below ",
                            model_.tokenizer().vocabulary_size()),
                     "tokens");
    }
    ids.push_back(id.get<uint32_t>());
  }
  send(response, {{"content", model_.text().decode(ids)}});
}

ChatPrompt Server::Handlers::chat_prompt(const Json& messages, const ChatPromptOptions& options) {
  if (!program_)
    throw ApiError(400, "the model's chat template cannot be run: " + program_problem_, "messages");
  const std::lock_guard lock(encoding_);
  try {
    return program_->prompt(messages, options);
  } catch (const std::exception& error) {
    // The template's own words, or what it cannot do with these messages.
    throw ApiError(400, error.what(), "messages");
  }
}

void Server::Handlers::apply_template(const Request& request, Response& response) {
  const Json json = parse_object(request.body);
  Body body(json);
  ChatPromptOptions options;
  const Json* messages = body.list("messages");
  if (const Json* tools = body.list("tools"); tools != nullptr && !tools->empty()) options.tools = *tools;
  if (const Json* variables = body.object("chat_template_kwargs")) options.variables = *variables;
  options.add_generation_prompt = body.boolean("add_generation_prompt").value_or(true);
  body.refuse_others();
  send(response,
       {{"prompt", chat_prompt(normal_messages(messages != nullptr ? *messages : Json()), options).text}});
}

std::shared_ptr<Job> Server::Handlers::make_job(AnswerRequest request) {
  if (request.model && *request.model != model_id_) {
    throw ApiError(404, concat("there is no model '", *request.model, "'; this server has '", model_id_, "'"),
                   "model", "model_not_found");
  }
  auto job = std::make_shared<Job>();
  const char* const source = request.api == Api::kCompletions ? "prompt"
                             : request.api == Api::kChat      ? "messages"
                                                              : "input";
  const uint32_t context = model_.executor().context();
  const auto too_long = [&](size_t tokens, const char* least) {
    return ApiError(400,
                    concat("the prompt has ", least, tokens, " tokens, the context holds ", context,
                           "; shorten it, or pack the model with a larger --context"),
                    source, "context_length_exceeded");
  };
  if (request.ids) {
    for (const uint32_t id : *request.ids) {
      if (id < model_.executor().vocabulary()) continue;
      throw ApiError(
          400,
          concat("'prompt' has the token id ", id, "; the vocabulary has ", model_.executor().vocabulary()),
          source);
    }
    job->prompt = std::move(*request.ids);
  } else if (request.api == Api::kCompletions) {
    const size_t least = request.prompt.size() / StreamDecoder(model_.tokenizer()).max_text_bytes();
    if (least > context) throw too_long(least, "at least ");
    const std::lock_guard lock(encoding_);
    try {
      job->prompt = model_.text().encode_prompt(request.prompt, /*special=*/true);
    } catch (const Error& error) {
      throw ApiError(400, error.what(), source);
    }
  } else {
    ChatPromptOptions options;
    options.tools = request.tools;
    options.variables = request.template_variables;
    ChatPrompt prompt = chat_prompt(request.messages, options);
    job->prompt = std::move(prompt.ids);
    job->thinking = trim(prompt.text).ends_with("<think>");
  }
  if (job->prompt.empty()) throw ApiError(400, "the prompt is empty", source);
  if (request.tool_choice.required) {
    const ToolChoice& choice = request.tool_choice;
    const Json function = choice.function ? Json(*choice.function) : Json();
    const std::string key = "calls " + dump(Json::array({function, choice.several, request.tools}));
    request.grammar = slots_.grammars().grammar(
        key, [&] { return call_grammar(slots_.format().calls, slots_.markers(), request.tools, choice); });
  } else if (!request.tool_choice.several && !request.tools.is_null() &&
             !calls_end_one_by_one(slots_.format().calls)) {
    throw ApiError(400,
                   "'parallel_tool_calls' cannot be false here: this model writes its calls as one list; set "
                   "'tool_choice' to \"required\" to have one call",
                   "parallel_tool_calls", "unsupported_value");
  }
  if (job->prompt.size() > context) throw too_long(job->prompt.size(), "");
  for (const LogitBias& bias : request.sampler.logit_bias) {
    const uint32_t tokens = model_.tokenizer().vocabulary_size();
    if (bias.token < tokens) continue;
    throw ApiError(400, concat("'logit_bias' names the token ", bias.token, "; the tokenizer has ", tokens),
                   "logit_bias");
  }
  job->id = next_job_++;
  job->request = std::move(request);
  return job;
}

void Server::Handlers::answer(const Request& request, Response& response, Parse parse) {
  RequestDefaults defaults = options_.defaults;
  defaults.grammars = &slots_.grammars();
  const auto job = make_job(parse(parse_object(request.body), defaults));
  slots_.submit(job);
  auto waiting = std::make_shared<Waiting>();
  waiting->job = job;
  waiting->writer = make_answer_writer(*job, model_id_);
  if (!job->request.stream) return wait(*waiting, response);
  response.set_header("Cache-Control", "no-cache");
  response.set_chunked_content_provider(
      "text/event-stream",
      [this, waiting](size_t, httplib::DataSink& sink) { return stream(*waiting, sink); },
      [this, waiting](bool) {
        if (!waiting->ended) slots_.cancel(*waiting->job);
      });
}

bool Server::Handlers::gone(Waiting& waiting) {
  const auto now = std::chrono::steady_clock::now();
  if (now - waiting.looked < kPatience) return false;
  waiting.looked = now;
  return !HttpServer::client_is_there();
}

void Server::Handlers::wait(Waiting& waiting, Response& response) {
  while (!waiting.ended) {
    if (gone(waiting)) {
      slots_.cancel(*waiting.job);
      throw ApiError(499, "the client has gone");
    }
    const std::optional<Event> event = waiting.job->take(kPatience);
    if (!event) continue;
    if (const auto* piece = std::get_if<AnswerPiece>(&*event)) waiting.writer->take(*piece);
    if (const auto* end = std::get_if<AnswerEnd>(&*event)) waiting.writer->take(*end);
    if (const auto* error = std::get_if<ApiError>(&*event)) throw ApiError(*error);
    waiting.ended = std::holds_alternative<JobEnd>(*event);
  }
  send(response, waiting.writer->whole());
}

// Called again and again until it says that all is done. Must not throw.
bool Server::Handlers::stream(Waiting& waiting, httplib::DataSink& sink) {
  try {
    std::string events;
    if (!std::exchange(waiting.begun, true)) events = waiting.writer->begin();
    if (gone(waiting)) return false;
    const std::optional<Event> event = waiting.job->take(kPatience);
    if (event) {
      if (const auto* piece = std::get_if<AnswerPiece>(&*event)) {
        waiting.writer->take(*piece);
        events += waiting.writer->piece(*piece);
      } else if (const auto* end = std::get_if<AnswerEnd>(&*event)) {
        waiting.writer->take(*end);
        events += waiting.writer->end(*end);
      } else if (const auto* error = std::get_if<ApiError>(&*event)) {
        events += brim::server::event(error->json());
        waiting.ended = true;
      } else {
        events += waiting.writer->finish();
        waiting.ended = true;
      }
    }
    if (!events.empty() && !sink.write(events.data(), events.size())) return false;
    if (waiting.ended) sink.done();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

Server::Server(LoadedModel& model, const ServerOptions& options)
    : handlers_(std::make_unique<Handlers>(model, options)) {}
Server::~Server() = default;
std::string Server::url() const { return handlers_->url(); }
uint16_t Server::port() const { return handlers_->port(); }
void Server::run() { handlers_->run(); }
void Server::stop() { handlers_->stop(); }

}  // namespace brim::server
