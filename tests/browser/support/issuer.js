// A second OpenID Connect provider, on an origin of its own: discovery, a page with
// one link, the code flow with PKCE. It hands out an access token that it is given.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

// startIssuer answers { url, requests, claims, close }. claims may be changed by a
// test; requests are what the token endpoint was asked.
export async function startIssuer({ clientId, accessToken, email }) {
  const pending = new Map();
  const issuer = { url: '', requests: [], claims: {}, refreshTokens: [] };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, issuer.url);
    const json = (status, body) => response.writeHead(status, { 'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*' }).end(JSON.stringify(body));
    if (url.pathname === '/.well-known/openid-configuration') {
      json(200, { issuer: issuer.url, authorization_endpoint: `${issuer.url}/authorize`, token_endpoint: `${issuer.url}/token`, jwks_uri: `${issuer.url}/jwks` });
      return;
    }
    if (url.pathname === '/authorize') {
      const code = randomUUID();
      pending.set(code, Object.fromEntries(url.searchParams));
      const back = new URL(url.searchParams.get('redirect_uri'));
      back.search = new URLSearchParams({ code, state: url.searchParams.get('state') }).toString();
      response.writeHead(200, { 'Content-Type': 'text/html' }).end(`<!doctype html><title>Second provider</title><a id="go" href="${back.href.replaceAll('&', '&amp;')}">Go on as ${email}</a>`);
      return;
    }
    if (url.pathname === '/token' && request.method === 'POST') {
      let body = '';
      for await (const chunk of request) body += chunk;
      const form = Object.fromEntries(new URLSearchParams(body));
      issuer.requests.push(form);
      const asked = pending.get(form.code);
      pending.delete(form.code);
      const challenge = createHash('sha256').update(form.code_verifier ?? '').digest('base64url');
      const refreshed = form.grant_type === 'refresh_token' && form.refresh_token === issuer.refreshTokens.at(-1);
      if (!refreshed && (!asked || asked.code_challenge_method !== 'S256' || asked.code_challenge !== challenge || asked.client_id !== clientId)) {
        json(400, { error: 'invalid_grant' });
        return;
      }
      if (asked) issuer.nonce = asked.nonce;
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: issuer.url, aud: clientId, sub: 'second-1', email, nonce: issuer.nonce, iat: now, exp: now + 3600, ...issuer.claims };
      issuer.refreshTokens.push(randomUUID()); // each may be used once
      json(200, {
        token_type: 'Bearer', access_token: accessToken, expires_in: 3600, refresh_token: issuer.refreshTokens.at(-1),
        id_token: `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`, scope: 'openid email profile',
      });
      return;
    }
    response.writeHead(404, { 'Access-Control-Allow-Origin': '*' }).end();
  });
  server.unref(); // a test that fails before it closes this one ends all the same
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer.url = `http://127.0.0.1:${server.address().port}`;
  issuer.close = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return issuer;
}

// useIssuer makes a context's console believe that its installation names this
// provider, as /config.json and the policy of its pages would say.
export async function useIssuer(context, stack, issuer, clientId) {
  const origin = new URL(stack.consoleUrl).origin;
  await context.route(`${origin}/config.json`, (route) =>
    route.fulfill({ json: { issuer: issuer.url, clientId, authorizeUrl: '', tokenUrl: '', logoutUrl: '', scope: 'api', policyTypes: [] } }),
  );
  await context.route(
    (url) => url.origin === origin && !/\.\w+$/.test(url.pathname) && !url.pathname.startsWith('/v1'),
    async (route) => {
      const answer = await route.fetch();
      const { 'content-encoding': _encoding, 'content-length': _length, ...headers } = answer.headers(); // the body comes unpacked
      headers['content-security-policy'] = headers['content-security-policy'].replace(/connect-src [^;]*/, `connect-src 'self' ${issuer.url}`);
      const built = process.env.CONSOLE_DIST && readFileSync(`${process.env.CONSOLE_DIST}/index.html`);
      await route.fulfill({ response: answer, headers, ...(built && { body: built }) });
    },
  );
}
