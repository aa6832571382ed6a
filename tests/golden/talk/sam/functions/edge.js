// What nginx did before and after the application. Each rule is a location: m and p say which
// paths it fits; s and t are an answer, r rewrites, i the file of a folder, f what takes a file's
// place, u the prefix for the application, b the largest body, q headers for the application,
// h headers of good answers, e seconds until they expire, c the charset of text.
var FIRST = [];
var RULES = [
  {"m":"","p":"/","i":"index.html","f":"/index.html"},
  {"m":"","p":"/api/","q":[["x-forwarded-host","$host"]]},
  {"m":"","p":"/files/","i":"index.html"},
  {"m":"","p":"/admin/","s":403}];
var HOSTS = {};
var TEXT = ["text/html","text/xml","text/plain","text/vnd.wap.wml","application/javascript","application/rss+xml"];
var SITE = {"scheme":"http","absolute":true,"server":"nginx/1.22.1","charset":""};
var NAMES = {301: 'Moved Permanently', 302: 'Found', 303: 'See Other', 307: 'Temporary Redirect', 308: 'Permanent Redirect',
  403: 'Forbidden', 404: 'Not Found', 405: 'Not Allowed', 410: 'Gone', 413: 'Request Entity Too Large', 501: 'Not Implemented'};

// The location that nginx would choose.
function find(uri) {
  var best = null;
  for (var i = 0; i < RULES.length; i++) {
    var rule = RULES[i];
    if (rule.m === '=') {
      if (uri === rule.p) return rule;
    } else if (rule.m[0] !== '~' && uri.indexOf(rule.p) === 0 && (!best || rule.p.length > best.p.length)) {
      best = rule;
    }
  }
  if (best && best.m === '^~') return best;
  for (var j = 0; j < RULES.length; j++) {
    if (RULES[j].m[0] === '~' && new RegExp(RULES[j].p, RULES[j].m === '~*' ? 'i' : '').test(uri)) return RULES[j];
  }
  return best;
}

function query(request) {
  var parts = [];
  for (var name in request.querystring) {
    var one = request.querystring[name];
    (one.multiValue || [one]).forEach(function (each) { parts.push(each.value === '' ? name : name + '=' + each.value); });
  }
  return parts.join('&');
}

function fill(text, event, found) {
  var request = event.request;
  var args = query(request);
  var host = request.headers.host ? request.headers.host.value : '';
  var known = {uri: request.uri, document_uri: request.uri, host: host, http_host: host, server_name: host, scheme: SITE.scheme,
    args: args, query_string: args, is_args: args ? '?' : '', remote_addr: event.viewer.ip,
    proxy_add_x_forwarded_for: event.viewer.ip, request_uri: request.uri + (args ? '?' + args : '')};
  return text.replace(/\$\{?(\w+)\}?/g, function (all, name) {
    if (/^[0-9]$/.test(name)) return found && found[name] || '';
    return known[name] === undefined ? all : known[name];
  });
}

function answer(status, text, event, found) {
  var name = NAMES[status] || 'Answer';
  var value = fill(text || '', event, found);
  var response = {statusCode: status, statusDescription: name, headers: {}};
  if (status >= 301 && status <= 308 && value) {
    // nginx writes the whole address unless it is told not to.
    var host = event.request.headers.host;
    var whole = SITE.absolute && value[0] === '/' && host;
    response.headers.location = {value: whole ? SITE.scheme + '://' + host.value + value : value};
  }
  var page = '<html>\r\n<head><title>' + status + ' ' + name + '</title></head>\r\n<body>\r\n<center><h1>' + status + ' ' +
    name + '</h1></center>\r\n<hr><center>' + SITE.server + '</center>\r\n</body>\r\n</html>\r\n';
  var own = value && !response.headers.location;
  response.headers['content-type'] = {value: own ? 'text/plain' + (SITE.charset ? '; charset=' + SITE.charset : '') : 'text/html'};
  response.body = {encoding: 'text', data: own ? value : page};
  return response;
}

// Carries out rewrites: an answer, true when the location must be looked for again, or false.
function rewrite(rules, event) {
  for (var i = 0; i < rules.length; i++) {
    var found = new RegExp(rules[i][0]).exec(event.request.uri);
    if (!found) continue;
    var flag = rules[i][2];
    var to = fill(rules[i][1], event, found);
    if (flag === 'permanent' || flag === 'redirect' || /^https?:\/\//.test(to)) {
      var args = query(event.request);
      if (to.slice(-1) === '?') to = to.slice(0, -1);
      else if (args) to += (to.indexOf('?') < 0 ? '?' : '&') + args;
      return answer(flag === 'permanent' ? 301 : 302, to.replace(/\$/g, '%24'), event);
    }
    event.request.uri = to.split('?')[0];
    if (flag === 'last') return true;
    if (flag === 'break') return false;
  }
  return false;
}

function onRequest(event) {
  var request = event.request;
  var host = request.headers.host ? request.headers.host.value.toLowerCase().split(':')[0] : '';
  if (HOSTS[host]) return answer(HOSTS[host][0], HOSTS[host][1], event);
  for (var i = 0; i < FIRST.length; i++) {
    var early = rewrite(FIRST[i].r || [], event);
    if (early && early !== true) return early;
    if (FIRST[i].s) return answer(FIRST[i].s, FIRST[i].t, event);
  }
  var rule = find(request.uri);
  for (var turn = 0; rule && turn < 10; turn++) {
    var done = rewrite(rule.r || [], event);
    if (!done) break;
    if (done !== true) return done;
    rule = find(request.uri);
  }
  if (!rule) return request;
  if (rule.s) return answer(rule.s, rule.t, event);
  if (rule.i) {
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, '', event);
    if (request.uri.slice(-1) === '/') request.uri += rule.i;
    else if (rule.f && request.uri.split('/').pop().indexOf('.') < 0) request.uri = rule.f;
    return request;
  }
  var length = request.headers['content-length'];
  if (rule.b && length && Number(length.value) > rule.b) return answer(413, '', event);
  (rule.q || []).forEach(function (pair) { request.headers[pair[0]] = {value: fill(pair[1], event)}; });
  if (rule.u) request.uri = rule.u + request.uri.slice(rule.p.length);
  return request;
}

function onResponse(event) {
  var response = event.response;
  var rule = find(event.request.uri);
  if (!rule) return response;
  (rule.h || []).forEach(function (pair) { response.headers[pair[0]] = {value: pair[1]}; });
  if (rule.e !== undefined) {
    response.headers['cache-control'] = {value: rule.e < 0 ? 'no-cache' : 'max-age=' + rule.e};
    response.headers.expires = {value: new Date(Date.now() + rule.e * 1000).toUTCString()};
  }
  var type = response.headers['content-type'];
  if (rule.c && type && type.value.indexOf(';') < 0 && TEXT.indexOf(type.value) >= 0) {
    response.headers['content-type'] = {value: type.value + '; charset=' + rule.c};
  }
  return response;
}

function handler(event) {
  return event.context.eventType === 'viewer-response' ? onResponse(event) : onRequest(event);
}
