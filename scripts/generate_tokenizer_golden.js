#!/usr/bin/env node
// Writes src/tokenizer/testdata/byte_level.json: a small byte-level BPE vocabulary and, for each word rule,
// the ids that the Hugging Face `tokenizers` library gives for a list of texts.
//
// usage: npm install @anush008/tokenizers && node scripts/generate_tokenizer_golden.js TEXT > OUT
// TEXT is what the vocabulary is learnt from (tinyshakespeare, public domain).
const fs = require('fs');
const os = require('os');
const path = require('path');
const {Tokenizer} = require('@anush008/tokenizers');

const kMerges = 260;
const kTrainingBytes = 60000;
const kLlama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" +
    '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const kQwen2 = kLlama3.replace('\\p{N}{1,3}', '\\p{N}');
const kGpt2 = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

const kTexts = [
  '', ' ', '  ', '\n', '\t\n ', 'a', 'the', ' the', 'The king of the north, and the queen of hearts.',
  'I\'m you\'re HE\'LL they\'Ve \'tis d\'S don\'t \'\'s \'s\'t\'re\'VE \'\u017f x\'\u017fy',
  '1 12 123 1234 12345 3.14159  1,000,000 x1  1', 'na\u00efve caf\u00e9 co\u00f6perate \u00df \u0130',
  'e\u0301 a\u030a o\u0308\u0301 \u0915\u094d\u0937 \u1e9b\u0323', '\u1112\u1161\u11ab\uad6d \ud55c\uad6d\uc5b4',
  '\u{1f600}\u{1f600} \u{1f44d}\u{1f3fd} \u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
  '\u4f60\u597d\uff0c\u4e16\u754c\u3002 \u3053\u3093\u306b\u3061\u306f', '\u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0633',
  '\u2167\u00b2\u00b3 \u0663\u0664\u0665 \u096a\u096b\u096c \u767e', '\u00a0nbsp\u2003em\u3000ideo\u200bzw\ufeffbom \u0085',
  'nul \0 in \0\0 and \u0001\u001b[0m\u007f', '    if (x == 0) {\n\t\treturn "\\n";\n    }\n', 'end   ', '   start',
  'hello\r\n\r\nworld \n \n x \t\n', '  \n  x', 'foo \u2028bar\u2029  baz', '#!?\n\nabc', 'x\u00a0\u00a0y\u3000z',
  '_foo_bar __init__ a.b.c http://x.y/z?q=1', 'aaaaaaaaaaaaaaaaaaaaaaaaa', 'thethethethe andandand', '7'.repeat(50),
  ' '.repeat(40) + 'x' + ' '.repeat(40), '\n'.repeat(20) + 'y', '<|end|>the<|end|> <|mark|>x',
];

// GPT-2's printable alphabet of the 256 bytes.
function byteAlphabet() {
  const alphabet = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    alphabet.push(String.fromCharCode(printable ? byte : next++));
  }
  return alphabet;
}

// The most frequent pair of neighbours within words, again and again.
function learn(text, alphabet) {
  const counts = new Map();
  for (const [word] of text.matchAll(kGpt2)) counts.set(word, (counts.get(word) || 0) + 1);
  let words = [...counts].map(([word, n]) => [[...Buffer.from(word)].map(b => alphabet[b]), n]);
  const vocabulary = Object.fromEntries(alphabet.map((c, i) => [c, i]));
  const merges = [];
  while (merges.length < kMerges) {
    const pairs = new Map();
    for (const [symbols, n] of words) {
      for (let i = 1; i < symbols.length; i++) {
        const pair = symbols[i - 1] + ' ' + symbols[i];
        pairs.set(pair, (pairs.get(pair) || 0) + n);
      }
    }
    const best = [...pairs].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0][0];
    const [left, right] = best.split(' ');
    merges.push(best);
    if (!(left + right in vocabulary)) vocabulary[left + right] = Object.keys(vocabulary).length;
    words = words.map(([symbols, n]) => {
      const merged = [];
      for (const symbol of symbols) {
        if (merged.length > 0 && merged[merged.length - 1] === left && symbol === right) {
          merged[merged.length - 1] = left + right;
        } else {
          merged.push(symbol);
        }
      }
      return [merged, n];
    });
  }
  return {vocabulary, merges};
}

async function main() {
  const alphabet = byteAlphabet();
  const {vocabulary, merges} = learn(fs.readFileSync(process.argv[2], 'utf8').slice(0, kTrainingBytes), alphabet);
  // Pieces that no merge makes: only ignore_merges finds them.
  for (const piece of ['\u0120world', 'queen']) {
    if (piece in vocabulary) throw new Error(piece + ' has a merge; choose another');
    vocabulary[piece] = Object.keys(vocabulary).length;
  }
  const next = Object.keys(vocabulary).length;
  const added = (id, content, special) =>
      ({id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special});
  const byteLevel = use_regex => ({type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex});
  const split = Regex => ({type: 'Split', pattern: {Regex}, behavior: 'Isolated', invert: false});
  const sequence = (...pretokenizers) => ({type: 'Sequence', pretokenizers});
  const rules = {
    gpt2: {pre: byteLevel(true)},
    llama3: {pre: sequence(split(kLlama3), byteLevel(false)), ignoreMerges: true},
    qwen2: {pre: sequence(split(kQwen2), byteLevel(false)), normalizer: {type: 'NFC'}},
    smollm: {pre: sequence({type: 'Digits', individual_digits: true}, byteLevel(true))},
  };
  const result = {texts: kTexts, rules: {}};
  const file = path.join(os.tmpdir(), 'golden_tokenizer.json');
  for (const [name, {pre, normalizer = null, ignoreMerges = false}] of Object.entries(rules)) {
    const tokenizer = {
      version: '1.0', truncation: null, padding: null,
      added_tokens: [added(next, '<|end|>', true), added(next + 1, '<|mark|>', false)],
      normalizer, pre_tokenizer: pre, post_processor: null, decoder: byteLevel(true),
      model: {type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null,
        end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: ignoreMerges,
        vocab: vocabulary, merges},
    };
    fs.writeFileSync(file, JSON.stringify(tokenizer));
    const oracle = await Tokenizer.fromFile(file);
    const ids = [];
    for (const text of kTexts) ids.push((await oracle.encode(text)).getIds());
    const {model, ...rest} = tokenizer;
    result.model = {...model, ignore_merges: undefined};
    result.rules[name] = {...rest, ignore_merges: ignoreMerges, ids};
  }
  console.log(JSON.stringify(result));
}

main();
