// The page of `brim serve` in headless Chromium. BRIM_SCREENSHOTS names a folder for what it looked like.
import assert from 'node:assert/strict';
import {mkdirSync} from 'node:fs';
import {after, before, test} from 'node:test';
import {chromium} from 'playwright-core';
import {startServer} from './server.mjs';

const kScreenshots = process.env.BRIM_SCREENSHOTS;
let server, slow, browser;

before(async () => {
  server = await startServer();
  slow = await startServer(['--target', 'reference']);  // an answer lasts long enough to look at
  browser = await chromium.launch({executablePath: process.env.BRIM_CHROMIUM, args: ['--no-sandbox']});
});
after(async () => {
  await browser?.close();
  for (const one of [server, slow]) {
    const {code, errors} = await one.stop();
    assert.equal(code, 0, errors);
  }
});

// A page in a profile of its own; what it logs as an error, fetches from elsewhere or throws fails the test.
async function onPage(options, act, {expectErrors = false, url = server.url} = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}, ...options});
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', error => problems.push(error.message));
  page.on('console', message => { if (message.type() === 'error') problems.push(message.text()); });
  page.on('request', request => { if (!request.url().startsWith(url) && !request.url().startsWith('data:')) problems.push(request.url()); });
  await page.goto(url + '/');
  try {
    await act(page, context);
    if (!expectErrors) assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}
const set = (page, values) => page.evaluate(given => { Object.assign(settings, given); showSettings(); }, values);
const send = async (page, text) => { await page.fill('#prompt', text); await page.press('#prompt', 'Enter'); };
const finished = page => page.waitForFunction(() => byId('send').textContent === 'Send');
const answers = page => page.locator('.message.assistant > .text').allInnerTexts();
const short = {max_tokens: 24, seed: 7, temperature: 0.8};
async function picture(page, name) {
  if (!kScreenshots) return;
  mkdirSync(kScreenshots, {recursive: true});
  await page.waitForTimeout(700);  // figures and slots are asked for twice a second
  await page.screenshot({path: `${kScreenshots}/${name}.png`});
}
const sidewards = page => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

test('an answer streams in, and Enter sends while Shift+Enter begins a line', async () => {
  await onPage({}, async page => {
    await set(page, {...short, max_tokens: 100});
    await page.locator('#prompt').pressSequentially('ROMEO:');
    await page.press('#prompt', 'Shift+Enter');
    await page.locator('#prompt').pressSequentially('Speak');
    assert.equal(await page.inputValue('#prompt'), 'ROMEO:\nSpeak');
    const lengths = page.evaluate(() => new Promise(resolve => {
      const seen = new Set();
      const timer = setInterval(() => {
        const text = document.querySelector('.message.assistant > .text');
        if (text) seen.add(text.textContent.length);
        if (text && !running) { clearInterval(timer); resolve([...seen]); }
      }, 5);
    }));
    await page.press('#prompt', 'Enter');
    assert.ok((await lengths).length > 3, 'the text grew step by step');
    assert.match(await page.innerText('.message.assistant .figures'), /100 tokens · [\d.]+ token\/s/);
  }, {url: slow.url});
});

test('the text is that of the same seed', async () => {
  await onPage({}, async page => {
    await set(page, short);
    await send(page, 'ROMEO:');
    await finished(page);
    const [first] = await answers(page);
    assert.ok(first.length > 10);
    await page.click('text=Regenerate');
    await finished(page);
    assert.deepEqual(await answers(page), [first]);
  });
});

test('Escape stops an answer, whose text stays and whose slot is free again', async () => {
  await onPage({}, async page => {
    await set(page, {seed: 7, temperature: 1.5});
    await send(page, 'ROMEO:');
    await page.waitForFunction(() => document.querySelector('.message.assistant > .text')?.textContent.length > 20);
    await page.press('#prompt', 'Escape');
    await finished(page);
    assert.match(await page.innerText('.message.assistant'), /Stopped\./);
    assert.ok((await answers(page))[0].length > 20);
    await page.waitForFunction(() => fetch('slots').then(r => r.json()).then(all => all.every(slot => !slot.is_processing)));
  }, {url: slow.url});
});

test('an edited message is answered anew and drops what followed', async () => {
  await onPage({}, async page => {
    await set(page, short);
    await send(page, 'ROMEO:');
    await finished(page);
    await send(page, 'JULIET:');
    await finished(page);
    assert.equal(await page.locator('.message').count(), 4);
    await page.locator('text=Edit').first().click();
    await page.locator('.editing textarea').fill('KING RICHARD:');
    await page.locator('.editing textarea').press('Enter');
    await finished(page);
    assert.deepEqual(await page.locator('.message.user .text').allInnerTexts(), ['KING RICHARD:']);
    assert.equal((await answers(page)).length, 1);
  });
});

test('conversations outlive a reload, can be opened and deleted', async () => {
  await onPage({}, async page => {
    await set(page, short);
    await send(page, 'ROMEO:');
    await finished(page);
    const before = await answers(page);
    await page.click('#new');
    await send(page, 'JULIET:');
    await finished(page);
    await page.reload();
    assert.deepEqual(await page.locator('.message.user .text').allInnerTexts(), ['JULIET:']);
    await page.click('#list >> text=ROMEO');
    assert.deepEqual(await answers(page), before);
    page.on('dialog', dialog => dialog.accept());
    await page.getByLabel('Delete: ROMEO:').click();
    await page.reload();
    assert.equal(await page.locator('#list li').count(), 1);
  });
});

test('tokens show their probabilities to the mouse and to the arrow keys', async () => {
  await onPage({}, async page => {
    await set(page, short);
    await send(page, 'ROMEO:');
    await finished(page);
    const text = (await answers(page))[0];
    assert.equal((await page.locator('.message.assistant > .text .token').allInnerTexts()).join('').replace(/\s/g, ''), text.replace(/\s/g, ''));
    await page.locator('.token').nth(2).hover();
    assert.match(await page.innerText('#odds'), /[\d.]+%/);
    assert.equal(await page.locator('#odds tr').count(), 5);
    const share = await page.locator('#odds td:last-child').allInnerTexts();
    assert.ok(share.reduce((sum, each) => sum + parseFloat(each), 0) <= 100.5);
    await page.mouse.move(5, 5);
    await page.click('text=Tokens');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.locator('.token.chosen').getAttribute('data-token'), '2');
    assert.match(await page.innerText('#spoken'), /%/);
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'prompt');
  });
});

test('drafted tokens are marked, and how many were kept is told', async () => {
  await onPage({}, async page => {
    // Whether drafts pay, and so come, depends on the machine.
    const token = (text, drafted) => ({index: 0, delta: {content: text}, finish_reason: null, ...(drafted && {drafted}),
      logprobs: {content: [{token: text, logprob: -0.5, bytes: [...Buffer.from(text)], top_logprobs: [], ...(drafted && {drafted})}]}});
    const events = [...['So', ' it', ' is', '.'].map((text, i) => ({choices: [token(text, i === 1 || i === 2)]})),
      {choices: [{index: 0, delta: {}, finish_reason: 'stop'}], timings: {predicted_n: 4, predicted_per_second: 100, draft_n: 3, draft_n_accepted: 2}}];
    await page.route('**/v1/chat/completions', route => route.fulfill({contentType: 'text/event-stream',
      body: events.map(event => `data: ${JSON.stringify(event)}\n\n`).join('') + 'data: [DONE]\n\n'}));
    await send(page, 'ROMEO:');
    await finished(page);
    assert.deepEqual(await page.locator('.token.drafted').allInnerTexts(), [' it', ' is']);
    assert.match(await page.innerText('.message.assistant .figures'), /2 of 3 drafted kept/);
  });
});

test('speed, bandwidth and the memory with its KV cache are shown', async () => {
  await onPage({}, async page => {
    await set(page, {...short, max_tokens: 100});
    await send(page, 'ROMEO:');
    await finished(page);
    await page.waitForFunction(() => /[1-9]\d* of \d+ positions/.test(byId('slots').innerText));
    const machine = await page.innerText('#machine');
    for (const wanted of [/Speed\s+[\d.]+ token\/s/, /Read bandwidth\s+[\d.]+ GB\/s/, /Bandwidth in use\s+\d+%/]) assert.match(machine, wanted);
    assert.ok(await page.locator('#picture rect').count() > 300);
    const filled = await page.locator('#picture [data-kv]').first().getAttribute('height');
    const {share} = await page.evaluate(() => ({share: position() / slots[0].n_ctx}));
    assert.ok(share > 0.1 && Math.abs(filled / 8 - share) < 0.01, `${filled} of 8, ${share}`);
    await picture(page, 'machine');
  });
});

test('what a model writes becomes text, never markup', async () => {
  await onPage({}, async page => {
    const shown = await page.evaluate(() => {
      const host = document.createElement('div');
      showText(host, '# <b>x</b>\n<img src=x onerror="alert(1)">\n\n[a](javascript:alert(1)) [b](https://example.org/)\n\n| a | b |\n|---|---|\n| 1 | **2** |\n\n```html\n<script>alert(1)</' + 'script>\n```\n\n- one\n  - two\n1. three\n\n> quote *em* `code`');
      return {tags: [...host.querySelectorAll('*')].map(node => node.tagName.toLowerCase()), links: [...host.querySelectorAll('a')].map(node => node.href), text: host.textContent};
    });
    assert.ok(!shown.tags.includes('img') && !shown.tags.includes('script') && !shown.tags.includes('b'));
    assert.deepEqual(shown.links, ['https://example.org/']);
    for (const tag of ['h3', 'table', 'td', 'strong', 'pre', 'ul', 'ol', 'blockquote', 'em', 'code']) assert.ok(shown.tags.includes(tag), tag);
    assert.ok(shown.text.includes('<img src=x onerror="alert(1)">') && shown.text.includes('javascript:alert(1)'));
    // The browser enforces it, too: strings are no markup here.
    assert.match(await page.evaluate(() => { try { document.body.innerHTML = '<p>x'; return 'taken'; } catch (error) { return error.name; } }), /TypeError/);
  }, {expectErrors: true});
});

test('a stream shown piece by piece looks like the whole', async () => {
  await onPage({}, async page => {
    const same = await page.evaluate(() => {
      const text = '## Title\n\nA **bold *and* more** text\nwith `code`.\n\n- one\n- two\n  1. deep\n\n| a | b |\n|---|---|\n| c | d |\n\n```js\nlet x = "`";\n```\n\n---\n\n> so\n> it goes\n\nEnd 😀.';
      const grown = document.createElement('div'), whole = document.createElement('div');
      for (let i = 1; i <= text.length; ++i) showText(grown, text.slice(0, i));
      showText(whole, text);
      return grown.isEqualNode(whole);
    });
    assert.ok(same);
  });
});

test('dark and light follow the system or the button', async () => {
  for (const colorScheme of ['dark', 'light']) {
    await onPage({colorScheme}, async page => {
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const system = await ground();
      await page.click('#theme');
      const light = await ground();
      await page.click('#theme');
      const dark = await ground();
      assert.notEqual(light, dark);
      assert.equal(system, colorScheme === 'dark' ? dark : light);
      await page.reload();
      assert.equal(await ground(), dark);
    });
  }
});

test('360 pixels are wide enough, for all panes and for long words', async () => {
  for (const colorScheme of ['light', 'dark']) {
    await onPage({viewport: {width: 360, height: 740}, colorScheme, hasTouch: true}, async page => {
      await set(page, {...short, max_tokens: 60});
      await send(page, 'ROMEO: ' + 'Honorificabilitudinitatibus'.repeat(4));
      await finished(page);
      assert.equal(await sidewards(page), 0);
      await page.locator('.token').nth(2).tap();
      assert.ok(await page.isVisible('#odds'));
      await picture(page, 'narrow-' + colorScheme);
      for (const pane of ['chats', 'side']) {
        await page.click('#show-' + pane);
        assert.ok(await page.isVisible('#' + pane));
        assert.equal(await page.getAttribute('#show-' + pane, 'aria-expanded'), 'true');
        await page.evaluate(() => { document.querySelector('aside details').open = true; });
        assert.equal(await sidewards(page), 0);
        await picture(page, `narrow-${pane}-${colorScheme}`);
        await page.keyboard.press('Escape');
        assert.ok(!await page.isVisible('#' + pane));
      }
    });
  }
});

test('every control has a name, and Tab reaches them in order with a visible focus', async () => {
  await onPage({}, async page => {
    await set(page, short);
    await send(page, 'ROMEO:');
    await finished(page);
    const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, textarea, a')].filter(node =>
        !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.[0]?.textContent.trim())).map(node => node.outerHTML));
    assert.deepEqual(unnamed, []);
    const ids = await page.evaluate(() => [...document.querySelectorAll('[id]')].map(node => node.id));
    assert.equal(new Set(ids).size, ids.length);
    await page.evaluate(() => { document.body.tabIndex = -1; document.body.focus(); });  // Tab goes on from there
    const order = [];
    for (let i = 0; i < 15; ++i) {
      await page.keyboard.press('Tab');
      order.push(await page.evaluate(() => {
        const node = document.activeElement;
        if (getComputedStyle(node).outlineStyle === 'none') return 'no focus on ' + node.outerHTML;
        return node.id || node.textContent;
      }));
    }
    assert.deepEqual(order.slice(0, 5), ['', 'show-chats', 'theme', 'show-side', 'new'].map((id, i) => i ? id : 'Skip to the message box'));
    assert.ok(order.indexOf('log') < order.indexOf('prompt') && order.indexOf('prompt') < order.indexOf('send'), order.join());
    // A screen reader is told of the answer once, when it is whole.
    assert.equal(await page.textContent('#spoken'), (await answers(page))[0]);
  });
});

test('errors of the server are told, with what to do', async () => {
  await onPage({}, async page => {
    await send(page, 'word '.repeat(5000));
    await page.waitForSelector('.trouble:visible');
    assert.match(await page.innerText('.message.assistant .trouble'), /does not fit/);
    await set(page, short);
    await send(page, 'ROMEO:');  // what did not fit is not sent again
    await finished(page);
    assert.equal(await page.locator('.message.assistant > .text').last().locator('.token').count() > 0, true);

    let refusals = 2;
    await page.route('**/v1/chat/completions', route => refusals-- > 0
        ? route.fulfill({status: 503, headers: {'Retry-After': '1'}, json: {error: {message: 'the queue is full', type: 'server_error'}}})
        : route.continue());
    await send(page, 'JULIET:');
    await page.waitForSelector('#notice >> text=The server is busy');
    await finished(page);
    assert.ok(await page.isHidden('#notice'));

    await page.unroute('**/v1/chat/completions');
    await page.route('**/*', route => route.abort());
    await send(page, 'ROMEO:');
    await page.waitForSelector('text=The server does not answer');
    await page.waitForSelector('#link[data-state=down]');
    await picture(page, 'no-server');
    await page.unroute('**/*');
    await page.locator('text=Try again').last().click();
    await finished(page);
    await page.waitForSelector('#link[data-state=up]');
  }, {expectErrors: true});
});

test('a full context is told apart from an answer of the most tokens', async () => {
  const small = await startServer();
  try {
    await onPage({}, async page => {
      await set(page, {...short, max_tokens: 5});
      await send(page, 'ROMEO:');
      await finished(page);
      assert.match(await page.locator('.message.assistant').last().innerText(), /has reached its most tokens/);
      await set(page, {max_tokens: '', stop: ''});
      await send(page, 'JULIET:');
      await finished(page);
      assert.match(await page.locator('.message.assistant').last().innerText(), /The context of \d+ tokens is full/);
    }, {url: small.url});
  } finally {
    assert.equal((await small.stop()).code, 0);
  }
});

test('a key is asked for where the server wants one', async () => {
  const guarded = await startServer(['--api-key', 'open sesame']);
  try {
    const page = await browser.newPage();
    await page.goto(guarded.url + '/');
    await set(page, short);
    await send(page, 'ROMEO:');
    await page.waitForSelector('text=The server wants a key');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'setting-key');
    await page.keyboard.type('open sesame');
    await page.click('text=Try again');
    await finished(page);
    assert.ok((await answers(page)).at(-1).length > 10);
    await page.close();
  } finally {
    assert.equal((await guarded.stop()).code, 0);
  }
});

test('it looks as it should, wide and dark', async () => {
  for (const colorScheme of ['light', 'dark']) {
    await onPage({viewport: {width: 1400, height: 900}, colorScheme}, async page => {
      await set(page, {...short, temperature: 0.6, max_tokens: 120});
      await send(page, 'ROMEO:');
      await finished(page);
      await page.locator('.message.assistant > .text .token').nth(6).hover();
      assert.equal(await sidewards(page), 0);
      await picture(page, 'wide-' + colorScheme);
    });
  }
});
