// A JSON schema for each seed. What it describes is short: every string, list and number has an end.
export function randomSchema(seed) {
  let state = (seed + 1) * 2654435761 >>> 0;
  const below = limit => {  // mulberry32
    state = state + 0x6D2B79F5 >>> 0;
    let x = Math.imul(state ^ state >>> 15, state | 1);
    x = x + Math.imul(x ^ x >>> 7, x | 61) ^ x;
    return ((x ^ x >>> 14) >>> 0) % limit;
  };
  const kNames = ['name', 'age', 'city', 'kind', 'tags', 'ok', 'Größe', 'a b', 'x"y', 'n', 'list', 'id'];
  const kWords = ['red', 'green', 'a "quoted" word', 'naïve', 'back\\slash', 'line\nbreak', '', '日本'];
  const some = (list, count) => [...list].sort(() => below(2) - .5).slice(0, count);
  const value = depth => {
    switch (below(depth > 0 ? 10 : 7)) {
      case 0: return {type: 'string', maxLength: 1 + below(8)};
      case 1: return {type: 'string', minLength: 1, maxLength: 2 + below(4)};
      case 2: { const least = below(200) - 100; return {type: 'integer', minimum: least, maximum: least + below(1000)}; }
      case 3: return {type: 'boolean'};
      case 4: return {enum: some([...kWords, 1, -2.5, null, true], 1 + below(4))};
      case 5: return {const: kWords[below(kWords.length)]};
      case 6: return {type: ['null', 'boolean']};
      case 7: return {type: 'array', items: value(depth - 1), minItems: below(2), maxItems: 1 + below(3)};
      case 8: return {anyOf: [value(depth - 1), value(depth - 1)]};
      default: return object(depth - 1);
    }
  };
  const object = depth => {
    const names = some(kNames, 1 + below(3));
    return {type: 'object', properties: Object.fromEntries(names.map(name => [name, value(depth)])),
      required: names.filter((_, i) => i === 0 || below(2)), additionalProperties: false};
  };
  return object(2);
}
