#include "server/server.h"

#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmath>
#include <thread>
#include <utility>

#include "runtime/session.h"
#include "server/body.h"
#include "tests/support/small_models.h"
#include "tests/support/temporary_folder.h"
#include "tokenizer/build.h"

namespace brim::server {
namespace {

using test::PackedModel;

// The demo model, packed once.
const PackedModel& demo() {
  static const auto tokenizer = build_tokenizer(BRIM_SOURCE_DIR "/models/demo");
  static const PackedModel packed(*open_model(BRIM_SOURCE_DIR "/models/demo"), EmbeddingFormat::kQ8, 256,
                                  load_board("kv260"), tokenizer);
  return packed;
}

// A server in this process, on a port of its own.
class Running {
 public:
  explicit Running(uint32_t parallel = 1, ServerOptions options = {}, const PackedModel& packed = demo())
      : model_(packed.path(), {.caches = parallel, .threads = 1}),
        server_(model_, on_any_port(std::move(options))),
        thread_([this] { server_.run(); }) {}
  ~Running() {
    server_.stop();
    thread_.join();
  }

  httplib::Client client() const {
    httplib::Client client("127.0.0.1", server_.port());
    client.set_read_timeout(60);
    return client;
  }
  httplib::Result post(const std::string& path, const Json& body) const {
    return client().Post(path, dump(body), "application/json");
  }
  // The answer, which must be one.
  Json ask(const std::string& path, const Json& body) const {
    const auto result = post(path, body);
    if (!result || result->status != 200) {
      ADD_FAILURE() << (result ? result->body : httplib::to_string(result.error()));
      return Json::object();
    }
    return Json::parse(result->body);
  }
  Json get(const std::string& path) const { return Json::parse(client().Get(path)->body); }
  double metric(const std::string& name) const {
    const std::string text = client().Get("/metrics")->body;
    const size_t at = text.find("\nbrim_" + name + " ");
    return at == std::string::npos ? NAN : std::stod(text.substr(at + name.size() + 7));
  }
  // Waits until no slot is at work.
  bool becomes_idle() const {
    for (int i = 0; i < 300; ++i) {
      if (metric("requests_processing") == 0 && metric("requests_waiting") == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  uint16_t port() const { return server_.port(); }
  LoadedModel& model() { return model_; }

 private:
  static ServerOptions on_any_port(ServerOptions options) {
    options.port = 0;
    return options;
  }

  LoadedModel model_;
  Server server_;
  std::thread thread_;
};

// What `brim run` gives for a prompt: its new text.
std::string run(const std::string& prompt, const SamplerOptions& options, uint32_t tokens) {
  LoadedModel model(demo().path(), {.threads = 1});
  Session session(model.executor(), model.tokenizer());
  std::vector<uint32_t> ids = model.text().encode_prompt(prompt, true);
  session.add(ids);
  HostSampler sampler(options, model.tokenizer());
  const Generation result = session.generate(sampler, {.max_tokens = tokens});
  const size_t before = model.text().decode(ids).size();
  ids.insert(ids.end(), result.tokens.begin(), result.tokens.end());
  return model.text().decode(ids).substr(before);
}

Json completion(const std::string& prompt, uint64_t seed, uint32_t tokens) {
  return {{"prompt", prompt}, {"seed", seed}, {"temperature", 0.9}, {"top_k", 50}, {"max_tokens", tokens}};
}
std::string run_of(const std::string& prompt, uint64_t seed, uint32_t tokens) {
  return run(prompt, {.temperature = 0.9f, .top_k = 50, .seed = seed}, tokens);
}
// A conversation of one message.
Json chat(const std::string& message) {
  Json messages = Json::array();
  messages.push_back({{"role", "user"}, {"content", message}});
  return {{"messages", messages}};
}
Json with(Json request, const Json& more) {
  request.update(more);
  return request;
}
std::string text_of(const Json& completion) { return completion["choices"][0]["text"]; }

// The events of a stream, without [DONE], which must be the last.
std::vector<Json> events_of(const std::string& body) {
  std::vector<Json> events;
  EXPECT_TRUE(body.ends_with("data: [DONE]\n\n")) << body;
  for (size_t at = 0; (at = body.find("data: {", at)) != std::string::npos; ++at) {
    events.push_back(Json::parse(body.substr(at + 6, body.find('\n', at) - at - 6)));
  }
  return events;
}

TEST(Server, GivesTheTextOfBrimRun) {
  const Running server;
  for (const uint64_t seed : {1, 2}) {
    EXPECT_EQ(text_of(server.ask("/v1/completions", completion("ROMEO:", seed, 40))),
              run_of("ROMEO:", seed, 40));
  }
  const Json greedy =
      server.ask("/v1/completions", {{"prompt", "KING"}, {"temperature", 0}, {"max_tokens", 20}});
  EXPECT_EQ(text_of(greedy), run("KING", {}, 20));
  EXPECT_EQ(greedy["choices"][0]["finish_reason"], "length");
}

TEST(Server, GivesEachOfManyAtOnceTheTextThatItGetsAlone) {
  Running server(4);
  const std::vector<std::string> prompts = {"ROMEO:",   "JULIET: my", "First Citizen:\nBefore",
                                            "The king", "O",          "KING:"};
  std::vector<std::string> expected, given(12);
  for (size_t i = 0; i < given.size(); ++i) {
    expected.push_back(run_of(prompts[i % prompts.size()], i, 20 + static_cast<uint32_t>(3 * i)));
  }
  std::vector<std::thread> clients;
  for (size_t i = 0; i < given.size(); ++i) {
    clients.emplace_back([&, i] {
      given[i] = text_of(server.ask(
          "/v1/completions", completion(prompts[i % prompts.size()], i, 20 + static_cast<uint32_t>(3 * i))));
    });
  }
  for (auto& client : clients) client.join();
  for (size_t i = 0; i < given.size(); ++i) EXPECT_EQ(given[i], expected[i]) << "client " << i;
  EXPECT_LT(server.metric("passes_total"), server.metric("pass_tokens_total")) << "no pass was shared";
}

TEST(Server, AStreamHasTheTextOfTheWholeThenReasonUsageAndDone) {
  const Running server;
  Json request = completion("ROMEO:", 3, 24);
  const Json whole = server.ask("/v1/completions", request);
  request["stream"] = true;
  request["stream_options"] = {{"include_usage", true}};
  const auto result = server.post("/v1/completions", request);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->get_header_value("Content-Type"), "text/event-stream");
  std::string text;
  const auto events = events_of(result->body);
  ASSERT_GT(events.size(), 3u);
  for (size_t i = 0; i + 1 < events.size(); ++i) text += text_of(events[i]);
  EXPECT_EQ(text, text_of(whole));
  EXPECT_EQ(events[events.size() - 2]["choices"][0]["finish_reason"], "length");
  EXPECT_TRUE(events.back()["choices"].empty());
  EXPECT_EQ(events.back()["usage"]["completion_tokens"], 24);
  EXPECT_EQ(events.back()["usage"]["prompt_tokens"], whole["usage"]["prompt_tokens"]);
  // As OpenAI has it: null until then, and logprobs null where there are none.
  EXPECT_TRUE(events[0].at("usage").is_null());
  EXPECT_TRUE(events[0]["choices"][0].at("logprobs").is_null());
}

TEST(Server, AChatIsAnsweredWholeAndAsAStream) {
  const Running server;
  Json request = with(chat("Who are you?"), {{"seed", 5}, {"max_tokens", 16}});
  const Json whole = server.ask("/v1/chat/completions", request);
  EXPECT_EQ(whole["object"], "chat.completion");
  EXPECT_EQ(whole["choices"][0]["message"]["role"], "assistant");
  request["stream"] = true;
  std::string text;
  const auto events = events_of(server.post("/v1/chat/completions", request)->body);
  EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
  for (const Json& event : events) text += event["choices"][0]["delta"].value("content", "");
  EXPECT_EQ(text, whole["choices"][0]["message"]["content"]);
}

TEST(Server, ResponsesAreTheAnswersOfChats) {
  const Running server;
  const Json answer =
      server.ask("/v1/chat/completions", with(chat("Hm?"), {{"seed", 5}, {"max_tokens", 12}}));
  Json request = {{"input", "Hm?"}, {"seed", 5}, {"max_output_tokens", 12}};
  const Json response = server.ask("/v1/responses", request);
  EXPECT_EQ(response["status"], "incomplete");
  EXPECT_EQ(response["output"][0]["content"][0]["text"], answer["choices"][0]["message"]["content"]);
  EXPECT_EQ(response["output"][0]["status"], "incomplete");
  EXPECT_EQ(response["usage"]["output_tokens_details"]["reasoning_tokens"], 0);
  // It says what was asked for.
  EXPECT_EQ(response["max_output_tokens"], 12);
  EXPECT_TRUE(response.at("instructions").is_null());
  EXPECT_EQ(response["text"]["format"]["type"], "text");
  request["stream"] = true;
  const std::string body = server.post("/v1/responses", request)->body;
  EXPECT_TRUE(body.starts_with("event: response.created\n")) << body;
  EXPECT_NE(body.find("event: response.output_text.delta\n"), std::string::npos);
  EXPECT_NE(body.find("event: response.incomplete\n"), std::string::npos);
}

TEST(Server, StopStringsEndAnAnswerAndAreNotGiven) {
  const Running server;
  const std::string all = run_of("ROMEO:", 1, 60);
  const std::string stop = all.substr(20, 4);
  Json request = completion("ROMEO:", 1, 60);
  request["stop"] = {"never said", stop};
  const Json answer = server.ask("/v1/completions", request);
  EXPECT_EQ(text_of(answer), all.substr(0, all.find(stop)));
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
}

TEST(Server, SeveralAnswersAreThoseOfSeedsInTurnAndThePromptIsRunOnce) {
  const Running server;
  Json request = completion("ROMEO: my lord", 7, 12);
  request["n"] = 3;
  const Json answers = server.ask("/v1/completions", request);
  ASSERT_EQ(answers["choices"].size(), 3u);
  for (uint32_t i = 0; i < 3; ++i)
    EXPECT_EQ(answers["choices"][i]["text"], run_of("ROMEO: my lord", 7 + i, 12));
  EXPECT_EQ(answers["usage"]["completion_tokens"], 36);
  const double prompt = answers["usage"]["prompt_tokens"];
  EXPECT_EQ(server.metric("prompt_tokens_total"), prompt + 2) << "all of it, then its last token twice";
}

TEST(Server, LogprobsAreThoseOfTheModel) {
  Running server;
  const Json answer = server.ask(
      "/v1/chat/completions",
      with(chat("Speak"), {{"temperature", 0}, {"max_tokens", 6}, {"logprobs", true}, {"top_logprobs", 5}}));
  const Json& tokens = answer["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(tokens.size(), 6u);
  std::string text;
  for (const Json& token : tokens) {
    ASSERT_EQ(token["top_logprobs"].size(), 5u);
    EXPECT_EQ(token["top_logprobs"][0]["logprob"], token["logprob"]) << "the most probable one was taken";
    double total = 0, last = 0;
    for (const Json& other : token["top_logprobs"]) {
      EXPECT_LE(other["logprob"], last);
      last = other["logprob"];
      total += std::exp(last);
    }
    EXPECT_LE(total, 1 + 1e-9);
    for (const Json& byte : token["bytes"]) text += static_cast<char>(byte.get<int>());
  }
  // The space before a text is no part of it.
  const std::string content = answer["choices"][0]["message"]["content"];
  EXPECT_TRUE(text == content || text == " " + content) << text << " and " << content;
}

TEST(Server, APromptThatBeginsAsTheLastOneIsRunFromWhereTheyDiffer) {
  const Running server;
  const Json first = server.ask("/v1/completions", completion("ROMEO: what light through", 1, 4));
  EXPECT_EQ(first["timings"]["cache_n"], 0);
  const Json second = server.ask("/v1/completions", completion("ROMEO: what light through yonder", 2, 20));
  EXPECT_GT(second["timings"]["cache_n"], 4);
  EXPECT_EQ(second["usage"]["prompt_tokens_details"]["cached_tokens"], second["timings"]["cache_n"]);
  EXPECT_EQ(text_of(second), run_of("ROMEO: what light through yonder", 2, 20));
  Json again = completion("ROMEO: what light through yonder", 2, 20);
  again["cache_prompt"] = false;
  EXPECT_EQ(server.ask("/v1/completions", again)["timings"]["cache_n"], 0);
}

TEST(Server, ASlotThatIsSavedAndRestoredGoesOnAsIfItHadStayed) {
  const test::TemporaryFolder folder;
  const std::string prompt = "ROMEO: what light through yonder window";
  Json state;
  {
    const Running server(2, {.slot_save_path = folder.path()});
    Json request = completion(prompt, 1, 8);
    request["id_slot"] = 1;
    server.ask("/v1/completions", request);
    state = server.ask("/slots/1?action=save", {{"filename", "romeo"}});
    EXPECT_GT(state["n_saved"], 8);
  }
  const Running server(2, {.slot_save_path = folder.path()});
  EXPECT_EQ(server.ask("/slots/0?action=restore", {{"filename", "romeo"}})["n_restored"], state["n_saved"]);
  EXPECT_EQ(server.get("/slots")[0]["n_past"], state["n_saved"]);
  const Json answer = server.ask("/v1/completions", completion(prompt + " breaks?", 3, 20));
  EXPECT_GT(answer["timings"]["cache_n"], 4);
  EXPECT_EQ(text_of(answer), run_of(prompt + " breaks?", 3, 20));
  EXPECT_GT(server.ask("/slots/0?action=erase", Json::object())["n_erased"], 0);
  EXPECT_EQ(server.get("/slots")[0]["n_past"], 0);

  // Damaged anywhere, cut, or of another image: refused, and the slot stays as it is.
  const std::string path = folder.path() + "/romeo";
  const std::string good = test::read_file(path);
  for (const size_t at : {size_t{3}, size_t{20}, size_t{97}, good.size() / 2, good.size() - 1}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    folder.write("bad", bad);
    EXPECT_EQ(server.post("/slots/0?action=restore", {{"filename", "bad"}})->status, 400) << at;
  }
  folder.write("bad", good.substr(0, good.size() - 5));
  EXPECT_EQ(server.post("/slots/0?action=restore", {{"filename", "bad"}})->status, 400);
  const PackedModel other(*open_model(BRIM_SOURCE_DIR "/models/demo"), EmbeddingFormat::kQ4, 256,
                          load_board("kv260"), build_tokenizer(BRIM_SOURCE_DIR "/models/demo"));
  const Running another(1, {.slot_save_path = folder.path()}, other);
  const auto refused = another.post("/slots/0?action=restore", {{"filename", "romeo"}});
  EXPECT_EQ(refused->status, 400);
  EXPECT_NE(refused->body.find("another image"), std::string::npos);
}

struct Refusal {
  const char* path;
  std::string body;
  int status;
  const char* says;
};

TEST(Server, AnswersFollowGrammarsAndSchemas) {
  const Running server;
  const auto text = [&](Json more) {
    more.update({{"prompt", "ROMEO:"}, {"temperature", 1.0}, {"seed", 3}, {"max_tokens", 60}});
    const auto reply = server.post("/v1/completions", more);
    EXPECT_EQ(reply->status, 200) << reply->body;
    return Json::parse(reply->body)["choices"][0];
  };
  EXPECT_EQ(text({{"grammar", R"(root ::= "yes" | "no")"}})["finish_reason"], "stop");
  const Json schema = {{"type", "object"},
                       {"properties", {{"n", {{"type", "integer"}, {"minimum", 0}, {"maximum", 9}}}}},
                       {"required", {"n"}},
                       {"additionalProperties", false}};
  const Json choice = text(
      {{"response_format", {{"type", "json_schema"}, {"json_schema", {{"name", "n"}, {"schema", schema}}}}}});
  const Json answer = Json::parse(choice["text"].get<std::string>());
  EXPECT_TRUE(answer.at("n").is_number_integer()) << answer;
}

TEST(Server, AGrammarThatWasAskedForBeforeGivesTheSameAnswers) {
  const auto ask = [](const Running& server, uint32_t seed, const char* grammar) {
    return text_of(server.ask(
        "/v1/completions", {{"prompt", "ROMEO:"}, {"seed", seed}, {"max_tokens", 30}, {"grammar", grammar}}));
  };
  const auto grammars = {R"(root ::= [a-z ]+ ".")", R"(root ::= ("ab" | "cd" root)*)", R"(root ::= [0-9]{4})",
                         R"(root ::= "x" | "yy")", R"(root ::= [A-Z]+ "!")"};  // more than are kept
  const Running together;
  for (uint32_t seed = 0; seed < 3; ++seed) {
    for (const char* grammar : grammars) {
      const std::string text = ask(together, seed, grammar);
      EXPECT_EQ(ask(together, seed, grammar), text);
      if (seed == 2) {
        EXPECT_EQ(ask(Running(), seed, grammar), text);
      }
    }
  }
}

// The demo model with the chat template of a family.
PackedModel demo_with(const std::string& family) {
  const test::TemporaryFolder folder;
  std::filesystem::copy(BRIM_SOURCE_DIR "/models/demo/tokenizer.model", folder.path() + "/tokenizer.model");
  std::filesystem::copy(BRIM_SOURCE_DIR "/src/template/testdata/" + family + ".jinja",
                        folder.path() + "/chat_template.jinja");
  return PackedModel(*open_model(BRIM_SOURCE_DIR "/models/demo"), EmbeddingFormat::kQ8, 1024,
                     load_board("kv260"), build_tokenizer(folder.path()));
}

// Two functions, and a question that neither answers.
Json asks_for_a_call(const Json& more) {
  Json request = chat("Once more unto the breach");
  request["tools"] = Json::parse(R"([
      {"type": "function", "function": {"name": "weather", "parameters": {"type": "object",
          "properties": {"city": {"type": "string", "maxLength": 8}}, "required": ["city"], "additionalProperties": false}}},
      {"type": "function", "function": {"name": "time", "parameters": {"type": "object",
          "properties": {"hour": {"type": "integer", "minimum": 0, "maximum": 23}}, "required": ["hour"],
          "additionalProperties": false}}}])");
  request.update({{"temperature", 1.0}, {"max_tokens", 700}});
  request.update(more);
  return request;
}

void expect_call(const Json& call, const std::string& name) {
  const Json& function = call["function"];
  EXPECT_EQ(call["type"], "function");
  EXPECT_TRUE(name.empty() || function["name"] == name) << call;
  const Json arguments = Json::parse(function["arguments"].get<std::string>());
  if (function["name"] == "weather") {
    EXPECT_TRUE(arguments.at("city").is_string()) << call;
  } else {
    EXPECT_LT(arguments.at("hour").get<int>(), 24) << call;
  }
}

TEST(Server, AnAnswerThatMustCallCallsInEveryFamilysFormat) {
  for (const char* family : {"qwen2.5", "hermes3", "mistral-v0.3", "llama3.1", "deepseek-r1"}) {
    SCOPED_TRACE(family);
    const PackedModel packed = demo_with(family);
    const Running server(1, {}, packed);
    for (uint32_t seed = 0; seed < 3; ++seed) {
      const Json asked =
          asks_for_a_call({{"tool_choice", "required"}, {"seed", seed}, {"parallel_tool_calls", seed > 0}});
      const Json answer = server.ask("/v1/chat/completions", asked);
      const Json& choice = answer["choices"][0];
      if (choice["finish_reason"] == "length") continue;  // it may call, or think, as often as it likes
      EXPECT_EQ(choice["finish_reason"], "tool_calls") << choice;
      EXPECT_EQ(choice["message"]["content"], nullptr) << choice;
      ASSERT_TRUE(choice["message"].contains("tool_calls")) << choice;
      for (const Json& call : choice["message"]["tool_calls"]) expect_call(call, "");
      if (seed == 0) {
        EXPECT_EQ(choice["message"]["tool_calls"].size(), 1u);
      }
    }
  }
}

TEST(Server, ACallOfANamedFunctionIsTheSameInEveryForm) {
  const PackedModel packed = demo_with("qwen2.5");
  const Running server(1, {}, packed);
  Json asked = asks_for_a_call({{"seed", 5},
                                {"parallel_tool_calls", false},
                                {"tool_choice", {{"type", "function"}, {"function", {{"name", "time"}}}}}});
  const Json message = server.ask("/v1/chat/completions", asked)["choices"][0]["message"];
  ASSERT_EQ(message["tool_calls"].size(), 1u) << message;
  expect_call(message["tool_calls"][0], "time");
  const Json arguments = message["tool_calls"][0]["function"]["arguments"];

  asked["stream"] = true;
  const auto streamed = server.post("/v1/chat/completions", asked);
  Json calls = Json::array();
  for (const Json& event : events_of(streamed->body)) {
    const Json& choice = event["choices"][0];
    if (choice["delta"].contains("tool_calls")) calls.push_back(choice["delta"]["tool_calls"][0]);
    EXPECT_EQ(choice["delta"].value("content", ""), "");
  }
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0]["function"]["arguments"], arguments);

  const Json response =
      server.ask("/v1/responses", {{"input", "Once more unto the breach"},
                                   {"seed", 5},
                                   {"temperature", 1.0},
                                   {"parallel_tool_calls", false},
                                   {"tool_choice", {{"type", "function"}, {"name", "time"}}},
                                   {"tools",
                                    {{{"type", "function"},
                                      {"name", "weather"},
                                      {"parameters", asked["tools"][0]["function"]["parameters"]}},
                                     {{"type", "function"},
                                      {"name", "time"},
                                      {"parameters", asked["tools"][1]["function"]["parameters"]}}}}});
  ASSERT_EQ(response["output"].size(), 1u) << response;
  EXPECT_EQ(response["output"][0]["type"], "function_call");
  EXPECT_EQ(response["output"][0]["name"], "time");
  EXPECT_EQ(response["output"][0]["arguments"], arguments);
  EXPECT_EQ(response["tool_choice"], Json({{"type", "function"}, {"name", "time"}}));
  EXPECT_EQ(response["parallel_tool_calls"], false);
}

TEST(Server, ASchemaHoldsForWhatFollowsThinkingThatThePromptHasBegun) {
  const PackedModel packed = demo_with("deepseek-r1");
  const Running server(1, {}, packed);
  const Json answer = server.ask(
      "/v1/chat/completions",
      with(chat("Hi"),
           {{"seed", 1},
            {"temperature", 0},
            {"max_tokens", 900},
            {"logit_bias", {{"2", 100}}},
            {"response_format", {{"type", "json_schema"}, {"json_schema", {{"schema", {{"enum", {7}}}}}}}}}));
  // However much the model wants to end, it cannot before its thinking has.
  const Json& choice = answer["choices"][0];
  if (choice["finish_reason"] == "stop") {
    EXPECT_EQ(choice["message"]["content"], "7");
  }
  EXPECT_NE(choice["message"].value("reasoning_content", ""), "");
  const int reasoning = answer["usage"]["completion_tokens_details"]["reasoning_tokens"];
  EXPECT_GT(reasoning, 0);
  EXPECT_LE(reasoning, answer["usage"]["completion_tokens"]);
}

TEST(Server, BiasesDecideWhichTokenComes) {
  const Running server;
  const auto first_token = [&](const Json& more) {
    Json body = completion("ROMEO:", 1, 1);
    body["temperature"] = 0;
    body.update(more);
    const auto reply = server.post("/v1/completions", body);
    return Json::parse(reply->body)["choices"][0]["text"].get<std::string>();
  };
  const auto tokens = server.post("/tokenize", {{"content", "love"}});
  const std::string id = std::to_string(Json::parse(tokens->body)["tokens"][0].get<uint32_t>());
  const std::string wanted = first_token({{"logit_bias", {{id, 100}}}});
  EXPECT_NE(wanted, first_token(Json::object()));
  EXPECT_NE(std::string(" love").find(wanted), std::string::npos) << wanted;
  EXPECT_NE(first_token({{"logit_bias", Json::array({{std::stoul(id), 100}})}}), first_token(Json::object()));
}

TEST(Server, RefusesBadRequestsInOpenAisForm) {
  const Running server;
  const std::string long_prompt = dump({{"prompt", std::string(2000, 'x')}});
  const std::string longer_prompt = dump({{"prompt", std::string(200000, 'x')}});
  for (const auto& [path, body, status, says] : std::initializer_list<Refusal>{
           {"/v1/completions", "{\"prompt\": ", 400,
            "the body is not whole JSON: it ends at line 1, column 12"},
           {"/v1/completions", "\xff\xfe", 400, "the body is not valid JSON at line 1, column 1"},
           {"/v1/completions", "3", 400, "no JSON object"},
           {"/v1/completions", R"({"prompt": {}})", 400, "'prompt' must be"},
           {"/v1/completions", R"({"prompt": [70000]})", 400, "70000"},
           {"/v1/completions", R"({"prompt": "a", "grammar": "root = 1"})", 400, "grammar"},
           {"/v1/completions", R"({"prompt": "a", "response_format": {"type": "xml"}})", 400,
            "response_format.type"},
           {"/v1/completions", R"({"prompt": "a", "response_format": {"type": "json_schema", "json_schema":
             {"name": "n", "schema": {"type": "object", "unevaluatedProperties": false}}}})",
            400, "unevaluatedProperties"},
           {"/v1/completions", R"({"prompt": "a", "frequency_penalty": 500})", 400, "frequency_penalty"},
           {"/v1/completions", R"({"prompt": "a", "logit_bias": {"x": 1}})", 400, "logit_bias"},
           {"/v1/completions", R"({"prompt": "a", "logit_bias": {"4000000": 1}})", 400, "4000000"},
           {"/v1/completions",
            R"({"prompt": "a", "json_schema": {"allOf": [{"required": 1}, {"required": []}]}})", 400,
            "#/allOf/0/required: should be a list of names"},
           {"/v1/completions", R"({"prompt": "a", "model": "gpt-4"})", 404, "gpt-4"},
           {"/v1/completions", R"({"prompt": "a", "id_slot": 7})", 404, "slot 7"},
           {"/v1/completions", long_prompt, 400, "the context holds 256"},
           {"/v1/completions", longer_prompt, 400, "at least"},
           {"/v1/chat/completions", R"({"messages": [{"role": "user", "content": "a"}], "tools":
             [{"type": "function", "function": {"name": "f"}}]})",
            400, "template"},
           {"/v1/responses", R"({"input": "a", "tool_choice": "required"})", 400, "there are no 'tools'"},
           {"/v1/embeddings", R"({"input": "a"})", 501, "embeddings"},
           {"/v1/nothing", "{}", 404, "there is no POST /v1/nothing"},
           {"/slots/0?action=save", R"({"filename": "a"})", 501, "--slot-save-path"},
           {"/slots/0?action=dance", "{}", 400, "'action' must be"},
           {"/slots/9?action=erase", "{}", 404, "no slot 9"},
           {"/tokenize", "{}", 400, "'content' must be"},
           {"/detokenize", R"({"tokens": [-1]})", 400, "-1"},
       }) {
    const auto result = server.client().Post(path, body, "application/json");
    ASSERT_TRUE(result) << path;
    EXPECT_EQ(result->status, status) << body.substr(0, 80) << result->body;
    const Json error = Json::parse(result->body)["error"];
    EXPECT_NE(error["message"].get<std::string>().find(says), std::string::npos) << error;
    for (const char* key : {"type", "param", "code"}) EXPECT_TRUE(error.contains(key)) << error;
  }
  EXPECT_EQ(Json::parse(
                server.post("/v1/completions", {{"prompt", std::string(2000, 'x')}})->body)["error"]["code"],
            "context_length_exceeded");
}

TEST(Server, TellsOfItself) {
  const Running server;
  EXPECT_EQ(server.get("/health")["status"], "ok");
  EXPECT_EQ(server.get("/v1/models")["data"][0]["id"], "image");
  EXPECT_EQ(server.get("/v1/models/image")["object"], "model");
  EXPECT_EQ(server.get("/props")["total_slots"], 1);
  EXPECT_EQ(server.get("/props")["default_generation_settings"]["n_ctx"], 256);
  EXPECT_EQ(server.metric("requests_total"), 0);
  EXPECT_GT(server.metric("heap_bytes"), 1000);
  const Json tokens = server.ask("/tokenize", {{"content", "my lord"}})["tokens"];
  EXPECT_EQ(server.ask("/detokenize", {{"tokens", tokens}})["content"], "my lord");
  EXPECT_EQ(server.ask("/apply-template", chat("Hi"))["prompt"], "Hi\n");
}

TEST(Server, AsksForItsKeyAndRefusesPagesOfOthers) {
  const Running server(1, {.api_key = "secret", .cors_origin = "https://a.example"});
  auto client = server.client();
  EXPECT_EQ(client.Get("/health")->status, 200);
  EXPECT_EQ(client.Get("/v1/models")->status, 401);
  for (const char* wrong : {"Bearer secre", "Bearer secrets", "Bearer ", "secret", "Basic secret"}) {
    EXPECT_EQ(client.Get("/v1/models", {{"Authorization", wrong}})->status, 401) << wrong;
  }
  const std::pair<std::string, std::string> key = {"Authorization", "Bearer secret"};
  EXPECT_EQ(client.Get("/v1/models", {key})->status, 200);
  EXPECT_EQ(client.Get("/v1/models", {key, {"Origin", "https://b.example"}})->status, 403);
  const auto allowed = client.Get("/v1/models", {key, {"Origin", "https://a.example"}});
  EXPECT_EQ(allowed->get_header_value("Access-Control-Allow-Origin"), "https://a.example");
  EXPECT_EQ(client.Options("/v1/models", {{"Origin", "https://a.example"}})->status, 204);
  const Running closed;
  EXPECT_EQ(closed.client().Get("/health", {{"Origin", "https://a.example"}})->status, 403);
  EXPECT_FALSE(closed.client().Get("/health")->has_header("Access-Control-Allow-Origin"));
}

TEST(Server, RefusesBodiesBeyondItsLimitAndGoesOn) {
  const Running server(1, {.max_body = 1000});
  const auto result = server.post("/v1/completions", {{"prompt", std::string(5000, 'x')}});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 413);
  EXPECT_EQ(server.client().Get("/health")->status, 200);
}

// As curl -d calls all that it sends a form.
TEST(Server, TakesLongJsonThatIsCalledAForm) {
  const Running server;
  const std::string text(20'000, 'x');
  const auto result = server.client().Post("/tokenize", Json({{"content", text}}).dump(),
                                           "application/x-www-form-urlencoded");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200) << result->body;
  const httplib::MultipartFormDataItems parts = {{"content", "a", "", ""}};
  const auto refused = server.client().Post("/tokenize", parts);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 415);
  EXPECT_NE(refused->body.find("send JSON"), std::string::npos) << refused->body;
  EXPECT_EQ(server.client().Get("/health")->status, 200);
}

TEST(Server, ARequestThatTheQueueHasNoRoomForIsToldWhenToComeAgain) {
  const Running server(1, {.queue = 1});
  std::vector<std::thread> clients;
  clients.reserve(6);
  std::atomic<int> good{0}, refused{0};
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&] {
      Json request = completion("ROMEO:", 1, 200);
      const auto result = server.post("/v1/completions", request);
      if (!result) return;
      if (result->status == 200) ++good;
      if (result->status == 503) {
        ++refused;
        EXPECT_GE(std::stoi(result->get_header_value("Retry-After")), 1);
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(good + refused, 6);
  EXPECT_GE(good, 2);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(server.metric("requests_refused_total"), refused);
}

// A connection by hand.
class Socket {
 public:
  explicit Socket(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Socket() { close(socket_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool connected() const { return connected_; }
  void send(const std::string& text) const {
    EXPECT_EQ(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // Something, or "" where the server has closed the connection.
  std::string receive() const {
    char room[4096];
    const ssize_t got = recv(socket_, room, sizeof(room), 0);
    return got > 0 ? std::string(room, static_cast<size_t>(got)) : std::string();
  }
  void half_close() const { shutdown(socket_, SHUT_WR); }

 private:
  int socket_;
  bool connected_;
};

std::string http(const std::string& path, const Json& body) {
  const std::string text = dump(body);
  return "POST " + path +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(text.size()) + "\r\n\r\n" + text;
}

// All that comes until the server closes the connection.
std::string everything(const Socket& socket) {
  std::string all;
  for (std::string more = socket.receive(); !more.empty(); more = socket.receive()) all += more;
  return all;
}

// A request whose body is another one; `headers` each end a line.
std::string request_within(const std::string& start, const std::string& headers) {
  const std::string inner = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
  return start + " HTTP/1.1\r\n" + headers + "Content-Length: " + std::to_string(inner.size()) + "\r\n\r\n" +
         inner;
}

TEST(Server, TheBodyOfARefusedRequestIsNoRequest) {
  const Running server;
  const Running with_key(1, {.api_key = "secret"});
  const std::string host = "Host: localhost\r\n";
  struct Case {
    const Running& server;
    std::string request;
    const char* status;
  };
  for (const auto& [asked, request, status] : std::initializer_list<Case>{
           {server, request_within("POST /v1/completions", host + "Origin: http://x\r\n"), " 403 "},
           {server, request_within("POST /v1/completions", "Host: x\r\n"), " 403 "},
           {server, request_within("POST /v1/completions", host + "Content-Encoding: gzip\r\n"), " 415 "},
           {server, request_within("GET /nothing", host), " 404 "},
           {server, request_within("GET /health", host), " 200 "},
           {with_key, request_within("POST /v1/completions", host), " 401 "},
       }) {
    const Socket socket(asked.port());
    socket.send(request);
    const std::string answer = everything(socket);
    EXPECT_NE(answer.find(status), std::string::npos) << request << answer;
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << "a second answer to " << request << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
  }
}

TEST(Server, ARequestWithoutABodyIsAnsweredAtOnce) {
  const Running server;
  server.ask("/v1/completions", completion("ROMEO:", 1, 2));
  const Socket socket(server.port());
  const std::string headers = " HTTP/1.1\r\nHost: localhost\r\n";
  socket.send("POST /slots/0?action=erase" + headers + "\r\nGET /health" + headers +
              "Connection: close\r\n\r\n");
  const std::string answers = everything(socket);
  EXPECT_NE(answers.find("\"n_erased\":"), std::string::npos) << answers;
  EXPECT_NE(answers.find("\"status\":\"ok\""), std::string::npos) << answers;
  EXPECT_EQ(answers.find(" 400 "), std::string::npos) << answers;
}

TEST(Server, WithoutAKeyItIsAskedByItsOwnNamesOnly) {
  const Running server;
  const auto status = [](const Running& asked, const std::string& host) {
    const Socket socket(asked.port());
    socket.send("GET /health HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
    return everything(socket).substr(9, 3);
  };
  for (const char* own :
       {"localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:80", "[::1]:8080", "[::1]"}) {
    EXPECT_EQ(status(server, own), "200") << own;
  }
  for (const char* other : {"evil.example", "evil.example:8080", "127.evil.example", "localhost.evil.example",
                            "[::2]", "[", ":80"}) {
    EXPECT_EQ(status(server, other), "403") << other;
  }
  const Running with_key(1, {.api_key = "secret"});
  EXPECT_EQ(status(with_key, "board.example"), "200") << "a key is asked for, which no page has";
}

TEST(Server, CompressedBodiesAreNotTaken) {
  const Running server(1, {.max_body = 1000});
  for (const char* encoding : {"gzip", "deflate", "br", "GZIP"}) {
    const auto result = server.client().Post("/v1/completions", {{"Content-Encoding", encoding}},
                                             R"({"prompt": "a"})", "application/json");
    ASSERT_TRUE(result) << encoding;
    EXPECT_EQ(result->status, 415) << encoding;
    EXPECT_NE(result->body.find("compressed"), std::string::npos);
  }
  EXPECT_EQ(
      server.client()
          .Post("/tokenize", {{"Content-Encoding", "identity"}}, R"({"content": "a"})", "application/json")
          ->status,
      200);
}

TEST(Server, ClientsThatGoAwayFreeTheirSlots) {
  const Running server(2);
  for (int round = 0; round < 3; ++round) {
    for (const bool stream : {true, false}) {
      Json request = completion("ROMEO:", 1, 250);
      request["stream"] = stream;
      request["n"] = 16;
      std::vector<std::unique_ptr<Socket>> sockets;
      for (int i = 0; i < 4; ++i) {  // two answered, two waiting
        sockets.push_back(std::make_unique<Socket>(server.port()));
        ASSERT_TRUE(sockets.back()->connected());
        sockets.back()->send(http("/v1/completions", request));
      }
      if (stream) {
        EXPECT_FALSE(sockets[0]->receive().empty());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      sockets[1]->half_close();
      sockets.clear();
      EXPECT_TRUE(server.becomes_idle());
    }
  }
  EXPECT_GT(server.metric("requests_cancelled_total"), 0);
  EXPECT_EQ(text_of(server.ask("/v1/completions", completion("ROMEO:", 1, 30))), run_of("ROMEO:", 1, 30));
}

TEST(Server, SlowAndSilentClientsAreCutOffAndHoldNobodyUp) {
  const Running server(1, {.request_seconds = 1});
  const Socket silent(server.port()), slow(server.port()), half(server.port());
  slow.send("POST /v1/completions HTTP/1.1\r\nContent-Length: 100\r\n\r\n{");
  half.send("GET /hea");
  half.half_close();
  EXPECT_EQ(server.client().Get("/health")->status, 200);
  const auto start = std::chrono::steady_clock::now();
  while (!slow.receive().empty()) {
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  while (!half.receive().empty()) {
  }
  EXPECT_EQ(server.client().Get("/health")->status, 200);
}

TEST(Server, StopsWhileItAnswers) {
  std::vector<std::thread> clients;
  {
    const Running server(2, {.queue = 8});
    std::atomic<int> begun{0};
    const uint16_t port = server.port();
    for (int i = 0; i < 5; ++i) {
      clients.emplace_back([&begun, port, i] {
        Json request = completion("ROMEO:", 1, 250);
        request["n"] = 16;
        request["stream"] = i % 2 == 0;
        httplib::Client client("127.0.0.1", port);
        client.set_read_timeout(30);
        ++begun;
        client.Post("/v1/completions", dump(request), "application/json");
      });
    }
    while (begun < 5) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  for (auto& client : clients) client.join();
}

}  // namespace
}  // namespace brim::server
