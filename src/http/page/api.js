// The page of the interface for other programs: what openapi.json says, to read and to try.

/**
 * @typedef {{ $ref?: string, type?: string | string[], description?: string, properties?: Record<string, Schema>,
 *   required?: string[], items?: Schema, enum?: string[], format?: string, examples?: unknown[], allOf?: { oneOf?: { required: string[] }[] }[] }} Schema
 * @typedef {{ name: string, in: 'path' | 'query', required: boolean, description?: string, schema: Schema }} Parameter
 * @typedef {{ description: string, content?: Record<string, { schema: Schema }> }} Answer
 * @typedef {{ operationId: string, tags: string[], summary: string, description: string, parameters?: Parameter[],
 *   requestBody?: { content: Record<string, { schema: Schema }> }, responses: Record<string, Answer & { $ref?: string }> }} Operation
 * @typedef {{ info: { description: string, version: string }, tags: { name: string, description: string }[],
 *   paths: Record<string, Record<string, Operation>>, components: { schemas: Record<string, Schema> } }} Description
 */

/**
 * An element with what is in it. Texts are texts, whatever stands in them.
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** @type {Description} */
let description;

/** @param {Schema} schema @returns {Schema} */
function resolved(schema) {
  const name = schema.$ref?.split('/').pop();
  return name ? description.components.schemas[name] ?? {} : schema;
}

/** @param {Schema} schema @returns {string} */
function kind(schema) {
  if (schema.$ref) return schema.$ref.split('/').pop() ?? '';
  if (schema.enum) return schema.enum.join(' | ');
  if (schema.items) return `list of ${kind(schema.items)}`;
  const type = Array.isArray(schema.type) ? schema.type.join(' | ') : schema.type ?? '';
  return schema.format ? `${type} (${schema.format})` : type;
}

/** An example of what a schema describes. @param {Schema} given @param {number} depth @returns {unknown} */
function example(given, depth = 0) {
  const schema = resolved(given);
  if (schema.examples) return schema.examples[0];
  if (schema.enum) return schema.enum[schema.enum.length > 1 ? 1 : 0];
  if (schema.items) return depth > 3 ? [] : [example(schema.items, depth + 1)];
  if (schema.properties) {
    // Of a choice there is one.
    const others = (schema.allOf ?? []).flatMap((choice) => (choice.oneOf ?? []).slice(1).flatMap((one) => one.required));
    const fields = Object.entries(schema.properties).filter(([name]) => !others.includes(name));
    return Object.fromEntries(fields.map(([name, field]) => [name, depth > 3 ? null : example(field, depth + 1)]));
  }
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  return type === 'boolean' ? true : type === 'integer' ? 1 : 'text';
}

/** @param {Schema} given */
function fields(given) {
  const schema = resolved(given);
  const of = schema.items ? resolved(schema.items) : schema;
  const rows = Object.entries(of.properties ?? {}).map(([name, field]) =>
    element('tr', {}, element('td', {}, element('code', {}, name)), element('td', {}, kind(field)), element('td', {}, field.description ?? '')));
  return rows.length ? element('table', {}, element('tbody', {}, ...rows)) : element('p', {}, kind(given));
}

/** A form that asks. @param {string} method @param {string} path @param {Operation} operation */
function trial(method, path, operation) {
  const inputs = (operation.parameters ?? []).map((parameter) => {
    const input = /** @type {HTMLInputElement} */ (element('input', { name: parameter.name, autocomplete: 'off' }));
    return { parameter, input };
  });
  const schema = operation.requestBody?.content['application/json']?.schema;
  const body = /** @type {HTMLTextAreaElement | null} */ (schema ? element('textarea', { spellcheck: 'false' }) : null);
  if (body && schema) body.value = JSON.stringify(example(schema), null, 2);
  const result = element('pre', { hidden: '', 'aria-live': 'polite' });
  const form = element('form', {},
    ...inputs.map(({ parameter, input }) => element('label', {}, `${parameter.name} (${kind(parameter.schema)})`, input)),
    ...(body ? [element('label', {}, 'Body', body)] : []),
    element('button', {}, 'Ask'), result);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const query = new URLSearchParams();
    let to = path;
    for (const { parameter, input } of inputs) {
      if (parameter.in === 'path') to = to.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value) query.set(parameter.name, input.value);
    }
    const token = /** @type {HTMLInputElement} */ (document.getElementById('token')).value.trim();
    /** @type {Record<string, string>} */
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    if (body) headers['content-type'] = 'application/json';
    result.hidden = false;
    try {
      const address = `${document.body.dataset.api}${to}${query.size ? `?${query}` : ''}`;
      const answer = await fetch(address, { method: method.toUpperCase(), headers, body: body?.value });
      const text = await answer.text();
      result.textContent = `${answer.status}\n${text ? JSON.stringify(JSON.parse(text), null, 2) : ''}`;
    } catch (error) {
      result.textContent = String(error);
    }
  });
  return form;
}

/** @param {string} method @param {string} path @param {Operation} operation */
function shown(method, path, operation) {
  const head = element('summary', {}, element('code', { class: 'method' }, method.toUpperCase()), element('code', {}, path), ' ',
    element('span', { class: 'about' }, operation.summary));
  const box = element('details', { id: operation.operationId }, head);
  // Most stay closed, so that each is made when it is opened.
  box.addEventListener('toggle', () => {
    if (box.childElementCount > 1) return;
    box.append(element('p', {}, operation.description));
    if (operation.parameters?.length) {
      const rows = operation.parameters.map((one) => element('tr', {}, element('td', {}, element('code', {}, one.name)),
        element('td', {}, `${one.in}, ${kind(one.schema)}`), element('td', {}, one.description ?? '')));
      box.append(element('h3', {}, 'In the address'), element('table', {}, element('tbody', {}, ...rows)));
    }
    const body = operation.requestBody?.content['application/json']?.schema;
    if (body) box.append(element('h3', {}, 'In the body'), fields(body));
    for (const [status, answer] of Object.entries(operation.responses).filter(([status]) => status.startsWith('2'))) {
      box.append(element('h3', {}, `${status}: ${answer.description}`));
      const schema = answer.content?.['application/json']?.schema;
      if (schema) box.append(fields(schema));
    }
    box.append(element('h3', {}, 'Try it'), trial(method, path, operation));
  });
  return box;
}

async function start() {
  const page = /** @type {HTMLElement} */ (document.getElementById('api'));
  const answer = await fetch(`${document.body.dataset.api}/openapi.json`);
  description = await answer.json();
  const all = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })));
  page.replaceChildren(
    element('p', {}, description.info.description),
    element('p', {}, element('a', { href: 'openapi.json' }, 'openapi.json'), ` of version ${description.info.version}`),
    element('label', {}, 'API key or access token, for trying', element('input', { id: 'token', type: 'password', autocomplete: 'off' })),
    element('nav', { 'aria-label': 'Groups' }, ...description.tags.map((tag) => element('a', { href: `#${tag.name}` }, tag.name))),
    ...description.tags.flatMap((tag) => [
      element('h2', { id: tag.name }, tag.name),
      element('p', {}, tag.description),
      ...all.filter(({ operation }) => operation.tags.includes(tag.name)).map(({ method, path, operation }) => shown(method, path, operation)),
    ]));
}

start();
