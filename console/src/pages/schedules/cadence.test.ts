import { describe, expect, test } from 'vitest';
import { describeCadence, readCadence, writeCadence, type Cadence } from './cadence';

describe('when a schedule fires', () => {
  test.each<[Cadence, string, string]>([
    [{ kind: 'daily', time: '02:00' }, 'cron(0 2 * * ? *)', 'Daily 02:00'],
    [{ kind: 'weekly', days: ['MON', 'SUN'], time: '23:05' }, 'cron(5 23 ? * MON,SUN *)', 'Mon and Sun 23:05'],
    [{ kind: 'weekly', days: ['MON', 'TUE', 'WED', 'THU', 'FRI'], time: '06:30' }, 'cron(30 6 ? * MON,TUE,WED,THU,FRI *)', 'Weekdays 06:30'],
    [{ kind: 'monthly', day: '1', time: '00:00' }, 'cron(0 0 1 * ? *)', 'Day 1 of the month 00:00'],
    [{ kind: 'monthly', day: 'L', time: '12:00' }, 'cron(0 12 L * ? *)', 'Last day of the month 12:00'],
    [{ kind: 'hours', every: 1 }, 'rate(1 hour)', 'Every hour'],
    [{ kind: 'hours', every: 6 }, 'rate(6 hours)', 'Every 6 hours'],
  ])('%o is written and read again', (cadence, expression, words) => {
    expect(writeCadence(cadence)).toBe(expression);
    expect(readCadence(expression)).toEqual(cadence);
    expect(describeCadence(expression)).toBe(words);
  });

  test('days by number and in ranges are the same days', () => {
    expect(readCadence('cron(0 2 ? * 2-6 *)')).toEqual(readCadence('cron(0 2 ? * MON-FRI *)'));
    expect(readCadence('cron(0 2 ? * 1-7 *)')).toEqual({ kind: 'daily', time: '02:00' });
  });

  test.each(['cron(0/15 2 * * ? *)', 'cron(0 2 ? * 6#3 *)', 'cron(0 2 * * ? 2027)', 'cron(0 25 * * ? *)', 'rate(3 days)', 'rate(90 minutes)', 'cron(0 2 ? * FRI-MON *)', 'x'])(
    '%s is kept as it is',
    (expression) => {
      expect(readCadence(expression)).toEqual({ kind: 'custom', expression });
      expect(writeCadence(readCadence(expression))).toBe(expression);
    },
  );

  test('what is not filled in yet is no expression', () => {
    expect(writeCadence({ kind: 'daily', time: '' })).toBe('');
    expect(writeCadence({ kind: 'weekly', days: [], time: '02:00' })).toBe('');
  });
});
