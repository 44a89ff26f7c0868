// Makes settings with names out of captured content: what the settings catalog
// nests, what other policies hold as properties, and whom a policy is assigned to.
// Names are made as the comparison of versions makes them, so that a setting is
// called the same on both pages. Numbers stay as they are written.
import { ExactNumber, exactText } from '../../api/exact';

export type Section = 'settings' | 'properties' | 'apps' | 'scheduled_actions' | 'messages' | 'scope_tags';
export const SECTIONS: Section[] = ['settings', 'properties', 'apps', 'scheduled_actions', 'messages', 'scope_tags'];

export interface Setting {
  section: Section;
  /** Names from the outside in, separated by " › ". */
  label: string;
  value: string;
  /** Ids behind names in the value. */
  title?: string;
}

export interface Assignment {
  kind: string;
  target: string;
  id: string;
  filter: string;
  filterMode: string;
  intent: string;
  /** Anything but "direct": the policy set that it comes with. */
  source: string;
}

type Json = Record<string, unknown>;
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v) && !(v instanceof ExactNumber);
const text = (v: unknown): string => (typeof v === 'string' ? v : '');

const BETWEEN = ' › ';
const LONGEST = 20_000; // rows; a policy has some thousand settings at most
const DEEPEST = 40;

const WORDS: Record<string, string> = Object.fromEntries(
  [
    'AD', 'Android', 'Apple', 'Azure', 'Defender', 'Intune', 'Microsoft', 'Office', 'Windows', 'API', 'BIOS', 'BitLocker', 'CDN', 'DNS', 'DMA', 'EAP', 'HTML',
    'HTTP', 'HTTPS', 'iCloud', 'ID', 'IDs', 'iOS', 'IP', 'Mac', 'macOS', 'MDM', 'NFC', 'OMA', 'OS', 'PIN', 'PKI', 'SIM', 'SMB', 'SMS', 'SSID', 'TLS', 'TPM', 'UAC',
    'UEFI', 'URI', 'URL', 'URLs', 'USB', 'VPN', 'WPA', 'XML',
  ].map((word) => [word.toLowerCase(), word]),
);
WORDS.wifi = 'Wi-Fi';

const TITLES: Record<string, string> = {
  '@odata.type': 'Type', roleScopeTagIds: 'Scope tag', roleScopeTags: 'Scope tag', scopeIds: 'Scope tag', omaSettings: 'OMA-URI settings', omaUri: 'OMA-URI',
  displayName: 'Name', scheduledActionsForRule: 'Actions', scheduledActionConfigurations: '', definitionValues: '', presentationValues: '',
  localizedNotificationMessages: 'Message', settings: 'Settings',
};

// What says nothing of what a policy does.
const NOISE = new Set([
  'id', 'createdDateTime', 'lastModifiedDateTime', 'modifiedDateTime', 'creationDateTime', 'version', 'settingCount', 'isAssigned', 'priorityMetaData', 'settingInstanceTemplateReference',
  'settingValueTemplateReference', 'settingDefinitionId', '@odata.context', '@odata.etag', '@odata.id', 'contentVersion',
  'secretReferenceValueId',
]);
const SECRET_TEXT = new Set(['scriptContent', 'detectionScriptContent', 'remediationScriptContent', 'payload', 'ruleContent', 'configurationXml', 'payloadJson']);

const upperFirst = (s: string): string => (/^(iOS|macOS|iCloud)/.test(s) ? s : s.charAt(0).toUpperCase() + s.slice(1));

/** "passwordMinimumLength" is "Password minimum length". */
export function humanise(name: string): string {
  const known = TITLES[name];
  if (known !== undefined) return known;
  const plain = name
    .slice(name.lastIndexOf('/') + 1)
    .replace(/wiFi/g, 'wifi')
    .replace(/WiFi/g, 'Wifi')
    .replace(/bitLocker/g, 'bitlocker')
    .replace(/BitLocker/g, 'Bitlocker')
    .replace(/macOS/g, 'macos')
    .replace(/iCloud/g, 'icloud');
  const parts = plain
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[\s_-]+/)
    .filter(Boolean);
  const words = parts.map((word) => WORDS[word.toLowerCase()] ?? (word.length > 1 && word === word.toUpperCase() ? word : word.toLowerCase()));
  return upperFirst(words.join(' '));
}

const PREFIXES = ['device_vendor_msft_', 'user_vendor_msft_', 'vendor_msft_', 'policy_config_', 'com.apple.'];
const trimNoise = (id: string): string => PREFIXES.reduce((rest, prefix) => (rest.startsWith(prefix) ? rest.slice(prefix.length) : rest), id);

/** A readable piece of the id of a setting definition, beside that of the setting it lies in. */
export function shortDefinition(id: string, parent: string): string {
  if (id.includes('--') && id.includes('_')) return humanise(id.slice(id.lastIndexOf('_') + 1));
  let shared = 0;
  for (let i = 0; i < id.length && i < parent.length && id[i] === parent[i]; i++) if (id[i] === '_') shared = i + 1;
  if (parent && id.startsWith(`${parent}_`)) shared = parent.length + 1;
  let short: string;
  if (shared > 0 && shared < id.length && trimNoise(id.slice(0, shared)) !== '') {
    short = id.slice(shared);
  } else {
    short = trimNoise(id);
    const at = short.indexOf('_com.apple.');
    if (at >= 0 && short.slice(at + 11).startsWith(short.slice(0, at))) short = short.slice(at + 11);
  }
  return upperFirst(short.replace(/_/g, ' ').replace(/~/g, BETWEEN).trim());
}

const shortOption = (option: string, definition: string): string => (definition && option.startsWith(`${definition}_`) ? option.slice(definition.length + 1) : '');

const fromBase64 = (value: string): string | null => {
  if (value.length < 8 || value.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(atob(value), (c) => c.charCodeAt(0)));
  } catch {
    return null;
  }
};

/** How a value is shown. */
export function valueText(v: unknown): string {
  if (v === true) return 'Yes';
  if (v === false) return 'No';
  if (v === null || v === undefined) return '';
  if (typeof v === 'string') return v;
  return v instanceof ExactNumber || typeof v === 'number' ? String(v) : exactText(v);
}

type Names = Map<string, string>;

/** What the objects that the content refers to are called, by their ids. */
function namesOf(content: Json): Names {
  const names: Names = new Map();
  if (!isObject(content.references)) return names;
  for (const objects of Object.values(content.references)) {
    if (!isObject(objects)) continue;
    for (const [id, object] of Object.entries(objects)) {
      const name = isObject(object) ? text(object.name) : '';
      if (name) names.set(id.toLowerCase(), name);
    }
  }
  return names;
}

class Reader {
  readonly rows: Setting[] = [];
  constructor(private readonly names: Names) {}

  add(section: Section, label: string, value: string, title?: string): void {
    if (this.rows.length < LONGEST) this.rows.push({ section, label, value, title });
  }

  named(value: string): { value: string; title?: string } {
    const name = this.names.get(value.toLowerCase());
    return name ? { value: name, title: value } : { value };
  }

  // One setting of the settings catalog, then those that it holds.
  instance(v: unknown, above: string, parent: string, depth: number): void {
    if (!isObject(v) || depth > DEEPEST) return;
    const id = text(v.settingDefinitionId) || text(v.definitionId);
    const own = id ? shortDefinition(id, parent) : '';
    const label = [above, own].filter(Boolean).join(BETWEEN) || 'Setting';
    const children = (value: unknown, at: string) => {
      if (isObject(value) && Array.isArray(value.children)) for (const child of value.children) this.instance(child, at, id, depth + 1);
    };
    const simple = (value: unknown) => (isObject(value) ? valueText(value.value) : '');
    if (isObject(v.simpleSettingValue)) {
      const found = this.named(simple(v.simpleSettingValue));
      this.add('settings', label, found.value, found.title);
    } else if (isObject(v.choiceSettingValue)) {
      const option = text(v.choiceSettingValue.value);
      this.add('settings', label, upperFirst((shortOption(option, id) || option).replace(/_/g, ' ')), option);
      children(v.choiceSettingValue, label);
    } else if (isObject(v.groupSettingValue)) {
      children(v.groupSettingValue, label);
    } else if (Array.isArray(v.simpleSettingCollectionValue)) {
      this.add('settings', label, v.simpleSettingCollectionValue.map(simple).join('\n'));
    } else if (Array.isArray(v.choiceSettingCollectionValue)) {
      const options = v.choiceSettingCollectionValue.map((each) => (isObject(each) ? text(each.value) : ''));
      this.add('settings', label, options.map((option) => shortOption(option, id) || option).join('\n'));
      for (const each of v.choiceSettingCollectionValue) children(each, label);
    } else if (Array.isArray(v.groupSettingCollectionValue)) {
      const all = v.groupSettingCollectionValue;
      all.forEach((each, i) => children(each, all.length > 1 ? `${label} ${i + 1}` : label));
    } else {
      // A setting of an intent, or of a kind that is not known here.
      const value = v.value !== undefined ? v.value : v.valueJson;
      if (value !== undefined) this.add('settings', label, valueText(value));
    }
  }

  // A setting of an administrative template.
  definition(v: unknown): void {
    if (!isObject(v)) return;
    const d = isObject(v.definition) ? v.definition : {};
    const path = `${text(d.categoryPath)}\\${text(d.displayName)}`.replace(/^\\+|\\+$/g, '');
    const label = (path.replace(/\\/g, BETWEEN) || 'Setting') + (d.classType === 'user' ? ' (user)' : '');
    this.add('settings', label, v.enabled === true ? 'Enabled' : 'Disabled');
    if (!Array.isArray(v.presentationValues)) return;
    for (const p of v.presentationValues) {
      if (!isObject(p)) continue;
      const own = isObject(p.presentation) ? text(p.presentation.label) : '';
      const values = Array.isArray(p.values) ? p.values.map((each) => (isObject(each) ? [text(each.name), valueText(each.value)].filter(Boolean).join(': ') : valueText(each))).join('\n') : valueText(p.value);
      this.add('settings', own ? `${label}${BETWEEN}${own}` : label, values);
    }
  }

  property(section: Section, name: string, v: unknown, above: string, depth: number): void {
    if (v === null || v === undefined || depth > DEEPEST) return;
    const own = humanise(name);
    const label = [above, own].filter(Boolean).join(BETWEEN) || own || 'Value';
    if (isObject(v)) {
      for (const [key, value] of Object.entries(v)) if (!noise(key) && key !== '@odata.type') this.property(section, key, value, label, depth + 1);
      return;
    }
    if (Array.isArray(v)) {
      this.list(section, v, label, depth);
      return;
    }
    const shown = name === '@odata.type' ? humanise(valueText(v).replace(/^#?microsoft\.graph\./, '')) : valueText(v);
    const clear = SECRET_TEXT.has(name) ? fromBase64(shown) : null;
    const found = this.named(clear ?? shown);
    if (found.value !== '') this.add(section, label, found.value, found.title);
  }

  list(section: Section, all: unknown[], label: string, depth: number): void {
    if (all.length === 0) return;
    if (all.every((each) => !isObject(each) && !Array.isArray(each))) {
      const found = all.map((each) => this.named(valueText(each)));
      this.add(section, label, found.map((each) => each.value).join('\n'), found.some((each) => each.title) ? found.map((each) => each.title ?? '').join('\n') : undefined);
      return;
    }
    all.forEach((each, i) => {
      if (!isObject(each)) {
        this.add(section, `${label} ${i + 1}`, valueText(each));
        return;
      }
      const own = text(each.displayName) || text(each.name) || text(each.locale) || humaniseOrNothing(text(each.actionType));
      const at = own ? `${label}${BETWEEN}${own}` : all.length > 1 ? `${label} ${i + 1}` : label;
      for (const [key, value] of Object.entries(each)) {
        if (!noise(key) && key !== '@odata.type' && !(own && (key === 'displayName' || key === 'name'))) this.property(section, key, value, at, depth + 1);
      }
    });
  }
}

const humaniseOrNothing = (name: string): string => (name ? humanise(name) : '');
// Annotations beside a property, and what every object has; its own kind says something.
const noise = (key: string): boolean => NOISE.has(key) || (key.includes('@') && key !== '@odata.type');

const SCOPE_TAGS = new Set(['roleScopeTagIds', 'roleScopeTags', 'scopeIds']);
const SETTING_LISTS = new Set(['omaSettings', 'customSettings']);
const APP_LISTS = new Set(['targetedMobileApps', 'selectedMobileAppIds', 'protectedApps', 'exemptApps']);

function sectionOf(member: string): Section {
  if (SCOPE_TAGS.has(member)) return 'scope_tags';
  if (SETTING_LISTS.has(member) || member === 'settings') return 'settings';
  if (APP_LISTS.has(member) || member === 'apps') return 'apps';
  if (member === 'scheduledActionsForRule') return 'scheduled_actions';
  if (member === 'localizedNotificationMessages') return 'messages';
  return 'properties';
}

/** The settings of captured content, in the order of their sections. */
export function settingsOf(content: unknown): Setting[] {
  if (!isObject(content)) return [];
  const reader = new Reader(namesOf(content));
  const object = isObject(content.object) ? content.object : {};
  if (Array.isArray(content.settings)) for (const each of content.settings) reader.instance(isObject(each) && isObject(each.settingInstance) ? each.settingInstance : each, '', '', 0);
  if (Array.isArray(content.definitionValues)) for (const each of content.definitionValues) reader.definition(each);
  for (const [key, value] of Object.entries(object)) {
    if (noise(key) || key === 'assignments') continue;
    const section = sectionOf(key);
    if (section === 'settings' && Array.isArray(value)) {
      // Their names say what they are; the list's own says nothing more.
      reader.list('settings', value, '', 0);
    } else if (key === 'settingInstance') reader.instance(value, '', '', 0);
    else reader.property(section, key, value, '', 0);
  }
  for (const [key, value] of Object.entries(content)) {
    if (['schema', 'type', 'graphId', 'template', 'object', 'settings', 'definitionValues', 'assignments', 'references'].includes(key) || noise(key)) continue;
    reader.property(sectionOf(key), key, value, '', 0);
  }
  for (const row of reader.rows) row.label = row.label.replace(/^ › /, '');
  return reader.rows.sort((a, b) => SECTIONS.indexOf(a.section) - SECTIONS.indexOf(b.section));
}

/** Whom captured content is assigned to. */
export function assignmentsOf(content: unknown): Assignment[] {
  if (!isObject(content)) return [];
  const names = namesOf(content);
  const list = Array.isArray(content.assignments) ? content.assignments : isObject(content.object) && Array.isArray(content.object.assignments) ? content.object.assignments : [];
  return list.filter(isObject).map((each) => {
    const target = isObject(each.target) ? each.target : {};
    const kind = text(target['@odata.type']).replace(/^#?microsoft\.graph\./, '').replace(/AssignmentTarget$/, '');
    const id = text(target.groupId) || text(target.collectionId);
    const filter = text(target.deviceAndAppManagementAssignmentFilterId);
    const none = /^[0-]*$/.test(filter);
    return {
      kind, id,
      target: names.get(id.toLowerCase()) ?? id,
      filter: none ? '' : (names.get(filter.toLowerCase()) ?? filter),
      filterMode: none ? '' : text(target.deviceAndAppManagementAssignmentFilterType),
      intent: text(each.intent),
      source: text(each.source) === 'direct' ? '' : text(each.source),
    };
  });
}
