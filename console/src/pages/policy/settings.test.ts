// What people read of a policy: names in place of ids, and every digit.
import { describe, expect, test } from 'vitest';
import { parseExact } from '../../api/exact';
import { assignmentsOf, humanise, settingsOf, shortDefinition } from './settings';

describe('names', () => {
  test('of properties are words', () => {
    expect(humanise('passwordMinimumLength')).toBe('Password minimum length');
    expect(humanise('wiFiSSID')).toBe('Wi-Fi SSID');
    expect(humanise('bitLockerEnabled')).toBe('BitLocker enabled');
    expect(humanise('macOSVersion')).toBe('macOS version');
  });
  test('of definitions leave out what the setting above says', () => {
    expect(shortDefinition('device_vendor_msft_policy_config_defender_allowarchivescanning', '')).toBe('Defender allowarchivescanning');
    expect(shortDefinition('device_vendor_msft_bitlocker_requireencryption_sub', 'device_vendor_msft_bitlocker_requireencryption')).toBe('Sub');
  });
});

describe('settings', () => {
  test('of the settings catalog are found at any depth', () => {
    const content = {
      object: { name: 'x', '@odata.type': '#t', id: '1' },
      settings: [
        {
          settingInstance: {
            settingDefinitionId: 'a_b',
            choiceSettingValue: {
              value: 'a_b_1',
              children: [{ settingDefinitionId: 'a_b_depth', simpleSettingValue: { value: 12 } }],
            },
          },
        },
        { settingInstance: { settingDefinitionId: 'paths', simpleSettingCollectionValue: [{ value: 'C:\\A' }, { value: 'C:\\B' }] } },
      ],
    };
    const rows = settingsOf(content).filter((row) => row.section === 'settings');
    expect(rows.map((row) => [row.label, row.value])).toEqual([['A b', '1'], ['A b › Depth', '12'], ['Paths', 'C:\\A\nC:\\B']]);
  });

  test('keep every digit and leave out what is null', () => {
    const content = parseExact('{"object":{"large":9007199254740993,"exact":1.10,"nothing":null,"on":true}}');
    expect(settingsOf(content).map((row) => [row.label, row.value])).toEqual([['Large', '9007199254740993'], ['Exact', '1.10'], ['On', 'Yes']]);
  });

  test('of scripts are shown as text', () => {
    const rows = settingsOf({ object: { scriptContent: btoa('Write-Host "hi there"') } });
    expect(rows[0]?.value).toBe('Write-Host "hi there"');
  });

  test('show what objects are called in place of their ids', () => {
    const rows = settingsOf({ object: { roleScopeTagIds: ['0', '7'] }, references: { scopeTag: { 7: { name: 'Berlin' } } } });
    expect(rows).toEqual([{ section: 'scope_tags', label: 'Scope tag', value: '0\nBerlin', title: '\n7' }]);
  });

  test('of content that is none are none', () => {
    for (const content of [null, 1, 'x', [], {}]) expect(settingsOf(content)).toEqual([]);
  });
});

test('assignments name groups and filters', () => {
  const content = {
    assignments: [
      { target: { '@odata.type': '#microsoft.graph.exclusionGroupAssignmentTarget', groupId: 'G1' } },
      { target: { '@odata.type': '#microsoft.graph.allDevicesAssignmentTarget', deviceAndAppManagementAssignmentFilterId: 'f1', deviceAndAppManagementAssignmentFilterType: 'include' } },
    ],
    references: { group: { g1: { name: 'Pilot' } }, filter: { f1: { name: 'Corporate' } } },
  };
  expect(assignmentsOf(content)).toMatchObject([
    { kind: 'exclusionGroup', target: 'Pilot', id: 'G1' },
    { kind: 'allDevices', filter: 'Corporate', filterMode: 'include' },
  ]);
});
