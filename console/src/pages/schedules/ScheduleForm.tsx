// The form of a schedule. Beside it stand the next three times, as the API computes
// them from what is filled in: what is shown there is what will happen.
import { Button, Checkbox, Field, Input, Radio, RadioGroup, Select } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useId, useMemo, useRef, useState, type FormEvent } from 'react';
import { api, data } from '../../api/client';
import { usePolicyTypes } from '../../api/policyTypes';
import { ApiProblem } from '../../api/problem';
import type { components } from '../../api/schema';
import type { Schedule } from '../../api/types';
import { inZone } from '../../format/format';
import { announce } from '../../shell/announce';
import { common, schedules as t } from '../../texts';
import { FilterMenu } from '../../ui/FilterBar';
import { faultOf, faultsOf, focusFault, type Faults } from '../../ui/FormDialog';
import { Notice, ProblemNotice } from '../../ui/Notice';
import { problemText } from '../../ui/problems';
import { useUnsaved } from '../../ui/useUnsaved';
import { readCadence, WEEKDAYS, writeCadence, type Cadence } from './cadence';
import s from './schedules.module.css';

export type ScheduleBody = components['schemas']['ScheduleInput'];
type Selection = components['schemas']['SelectionInput'];
type Scope = keyof typeof t.scopes;

const SPREADS = [0, 15, 30, 60, 120, 240];
const SETTLE = 300; // milliseconds of rest before the next times are asked for

interface Form {
  name: string;
  operation: ScheduleBody['operation'];
  scope: Scope;
  types: string[];
  platforms: string[];
  foundations: boolean;
  cadence: Cadence;
  timeZone: string;
  spread: number;
}

const hereZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

function zones(chosen: string): string[] {
  const known = typeof Intl.supportedValuesOf === 'function' ? Intl.supportedValuesOf('timeZone') : [];
  return [...new Set(['UTC', hereZone(), chosen, ...known])];
}

function scopeOf(sch: Schedule): Scope {
  const sel = sch.selection;
  if (sch.operation === 'inventory.sync') return sch.types?.length ? 'types' : 'all';
  if (!sel || sel.all) return 'all';
  if (sel.policies?.length || sel.search || sel.never || sel.missing || (sel.types?.length && sel.platforms?.length)) return 'kept';
  return sel.types?.length ? 'types' : sel.platforms?.length ? 'platforms' : 'kept';
}

function begin(sch: Schedule | undefined): Form {
  if (!sch) {
    return { name: t.usualName, operation: 'backup_set.create', scope: 'all', types: [], platforms: [], foundations: true, cadence: { kind: 'daily', time: '02:00' }, timeZone: hereZone(), spread: 15 };
  }
  return {
    name: sch.name, operation: sch.operation as Form['operation'], scope: scopeOf(sch), types: sch.types ?? sch.selection?.types ?? [], platforms: sch.selection?.platforms ?? [],
    foundations: sch.includeFoundations ?? false, cadence: readCadence(sch.expression), timeZone: sch.timeZone, spread: sch.spreadMinutes,
  };
}

function bodyOf(f: Form, sch: Schedule | undefined): ScheduleBody {
  const selection: Selection | undefined =
    f.scope === 'kept' ? sch?.selection : f.scope === 'types' ? { types: f.types } : f.scope === 'platforms' ? { platforms: f.platforms } : { all: true };
  const backup = f.operation === 'backup_set.create';
  return {
    name: f.name.trim(), operation: f.operation, expression: writeCadence(f.cadence), timeZone: f.timeZone, spreadMinutes: f.spread,
    ...(backup ? { selection, includeFoundations: f.foundations } : { types: f.scope === 'types' ? f.types : [] }),
  };
}

function check(f: Form): Faults {
  const faults: Faults = {};
  if (!f.name.trim()) faults.name = t.nameMissing;
  if (f.scope === 'types' && f.types.length === 0) faults.scope = t.typesMissing;
  if (f.scope === 'platforms' && f.platforms.length === 0) faults.scope = t.platformsMissing;
  if (!writeCadence(f.cadence)) faults.expression = f.cadence.kind === 'weekly' ? t.daysMissing : t.nextNone;
  return faults;
}

/** The value after it has rested. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(setSettled, SETTLE, value);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

export interface ScheduleFormProps {
  tenant: string;
  schedule?: Schedule;
  submit: string;
  /** Saves, and answers what leads away afterwards. */
  save: (body: ScheduleBody) => Promise<() => Promise<void>>;
  cancel: () => void;
  /** Reads the schedule again, after somebody else changed it. */
  reload?: () => void;
}

export function ScheduleForm({ tenant, schedule, submit, save, cancel, reload }: ScheduleFormProps) {
  const first = useMemo(() => begin(schedule), [schedule]);
  const [form, setForm] = useState(first);
  const [faults, setFaults] = useState<Faults>({});
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const under = useRef(false);
  const done = useRef(false);
  const element = useRef<HTMLFormElement>(null);
  const types = usePolicyTypes(tenant);
  const put = (change: Partial<Form>) => setForm((before) => ({ ...before, ...change }));
  const fault = faultOf(faults);
  const backup = form.operation === 'backup_set.create';
  const dirty = JSON.stringify(form) !== JSON.stringify(first);
  // The list is the same address but for its search.
  const question = useUnsaved(dirty, () => !done.current);

  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (under.current) return;
    const own = check(form);
    setFaults(own);
    setError(null);
    if (Object.keys(own).length) {
      announce(Object.values(own)[0] as string, true);
      focusFault(element.current);
      return;
    }
    under.current = true;
    setBusy(true);
    try {
      const away = await save(bodyOf(form, schedule));
      done.current = true;
      await away();
    } catch (err) {
      setError(err);
      setFaults(faultsOf(err));
      focusFault(element.current);
    } finally {
      under.current = false;
      setBusy(false);
    }
  };
  const typeOptions = (types.data?.items ?? []).map((x) => ({ value: x.id, label: x.title, count: x.policies }));
  const scopes = (['all', 'types', ...(backup ? ['platforms'] : []), ...(first.scope === 'kept' ? ['kept'] : [])] as Scope[]);
  const changed = error instanceof ApiProblem && error.status === 412;
  return (
    <form ref={element} className={s.columns} noValidate onSubmit={(e) => void send(e)}>
      <div className={s.form}>
        <Field label={t.name} required hint={backup ? t.nameHint : undefined} {...fault('name')}>
          <Input value={form.name} maxLength={200} onChange={(_, d) => put({ name: d.value })} />
        </Field>
        {schedule ? null : (
          <Field label={t.operation} hint={t.operationHints[form.operation]}>
            <RadioGroup value={form.operation} onChange={(_, d) => put({ operation: d.value as Form['operation'], scope: 'all' })}>
              {Object.entries(t.operations).map(([value, label]) => (
                <Radio key={value} value={value} label={label} />
              ))}
            </RadioGroup>
          </Field>
        )}
        <Field label={backup ? t.scope : t.syncTypes} {...fault('scope')} {...fault('selection')}>
          <RadioGroup value={form.scope} onChange={(_, d) => put({ scope: d.value as Scope })}>
            {scopes.map((value) => (
              <Radio key={value} value={value} label={backup || value !== 'all' ? t.scopes[value] : t.syncAll} />
            ))}
          </RadioGroup>
        </Field>
        {form.scope === 'types' ? (
          <div>
            <FilterMenu label={t.scopeTypes} options={typeOptions} value={form.types} onChange={(v) => put({ types: v ?? [] })} />
          </div>
        ) : null}
        {form.scope === 'platforms' ? (
          <div>
            <FilterMenu
              label={t.scopePlatforms}
              options={Object.entries(t.platforms).map(([value, label]) => ({ value, label }))}
              value={form.platforms}
              onChange={(v) => put({ platforms: v ?? [] })}
            />
          </div>
        ) : null}
        {backup && form.scope !== 'all' ? (
          <Field hint={t.foundationsHint}>
            <Checkbox label={t.foundations} checked={form.foundations} onChange={(_, d) => put({ foundations: d.checked === true })} />
          </Field>
        ) : null}
        <CadenceFields value={form.cadence} onChange={(cadence) => put({ cadence })} faults={faults} />
        <div className={s.inline}>
          <Field label={t.zone} {...fault('timeZone')}>
            <Select value={form.timeZone} onChange={(_, d) => put({ timeZone: d.value })}>
              {zones(first.timeZone).map((zone) => (
                <option key={zone} value={zone}>
                  {zone}
                </option>
              ))}
            </Select>
          </Field>
          <Field label={t.spread} hint={t.spreadHint} {...fault('spreadMinutes')}>
            <Select value={String(form.spread)} onChange={(_, d) => put({ spread: Number(d.value) })}>
              {[...new Set([...SPREADS, first.spread])]
                .sort((a, b) => a - b)
                .map((minutes) => (
                  <option key={minutes} value={minutes}>
                    {t.spreads(minutes)}
                  </option>
                ))}
            </Select>
          </Field>
        </div>
        {changed ? (
          <Notice kind="warning" alert commands={<Button onClick={reload}>{common.tryAgain}</Button>}>
            <p>{problemText(error).sentence}</p>
          </Notice>
        ) : error ? (
          <ProblemNotice error={error} />
        ) : null}
        <div className={s.commands}>
          <Button type="submit" appearance="primary" disabledFocusable={busy}>
            {submit}
          </Button>
          <Button onClick={cancel}>{common.cancel}</Button>
        </div>
      </div>
      <NextTimes expression={writeCadence(form.cadence)} zone={form.timeZone} paused={Boolean(schedule?.pause)} />
      {question}
    </form>
  );
}

function CadenceFields({ value: c, onChange, faults }: { value: Cadence; onChange: (next: Cadence) => void; faults: Faults }) {
  const time = 'time' in c ? c.time : '02:00';
  const label = useId();
  const fault = faultOf(faults);
  const kind = (next: Cadence['kind']) => {
    if (next === 'daily') onChange({ kind: next, time });
    if (next === 'weekly') onChange({ kind: next, days: ['MON', 'TUE', 'WED', 'THU', 'FRI'], time });
    if (next === 'monthly') onChange({ kind: next, day: '1', time });
    if (next === 'hours') onChange({ kind: next, every: 6 });
    if (next === 'custom') onChange({ kind: next, expression: writeCadence(c) });
  };
  return (
    <>
      <div className={s.inline}>
        <Field label={t.when}>
          <Select value={c.kind} onChange={(_, d) => kind(d.value as Cadence['kind'])}>
            {Object.entries(t.kinds).map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </Select>
        </Field>
        {'time' in c ? (
          <Field label={t.time} {...(c.kind === 'weekly' ? {} : fault('expression'))}>
            <Input type="time" value={c.time} onChange={(_, d) => onChange({ ...c, time: d.value })} />
          </Field>
        ) : null}
        {c.kind === 'monthly' ? (
          <Field label={t.monthDay} hint={Number(c.day) > 28 ? t.monthDayHint : undefined}>
            <Select value={c.day} onChange={(_, d) => onChange({ ...c, day: d.value })}>
              {Array.from({ length: 31 }, (_, i) => (
                <option key={i} value={String(i + 1)}>
                  {i + 1}
                </option>
              ))}
              <option value="L">{t.lastDay}</option>
            </Select>
          </Field>
        ) : null}
        {c.kind === 'hours' ? (
          <Field label={t.every}>
            <Select value={String(c.every)} onChange={(_, d) => onChange({ kind: 'hours', every: Number(d.value) })}>
              {Array.from({ length: 24 }, (_, i) => (
                <option key={i} value={String(i + 1)}>
                  {i + 1}
                </option>
              ))}
            </Select>
          </Field>
        ) : null}
      </div>
      {c.kind === 'weekly' ? (
        <fieldset className={s.group}>
          <legend id={label}>{t.days}</legend>
          <div className={s.days}>
            {WEEKDAYS.map((d) => (
              <Checkbox
                key={d}
                label={t.weekdays[d]}
                checked={c.days.includes(d)}
                onChange={(_, x) => onChange({ ...c, days: WEEKDAYS.filter((each) => (each === d ? x.checked === true : c.days.includes(each))) })}
              />
            ))}
          </div>
          {faults.expression ? <p className={s.bad}>{faults.expression}</p> : null}
        </fieldset>
      ) : null}
      {c.kind === 'custom' ? (
        <Field label={t.expression} hint={t.expressionHint} required {...fault('expression')}>
          <Input value={c.expression} maxLength={256} spellCheck={false} autoCapitalize="off" onChange={(_, d) => onChange({ kind: 'custom', expression: d.value })} />
        </Field>
      ) : null}
    </>
  );
}

function NextTimes({ expression, zone, paused }: { expression: string; zone: string; paused: boolean }) {
  const asked = useSettled(useMemo(() => ({ expression, zone }), [expression, zone]));
  const times = useQuery({
    queryKey: ['schedule-times', asked.expression, asked.zone],
    queryFn: ({ signal }) => data(api.GET('/v1/schedule-times', { params: { query: { expression: asked.expression, timeZone: asked.zone } }, signal })),
    enabled: asked.expression !== '',
    retry: false,
    staleTime: 60_000,
  });
  const settled = asked.expression === expression && asked.zone === zone;
  const wrong = times.error instanceof ApiProblem && times.error.errors[0];
  return (
    <section className={s.next} aria-labelledby="next" aria-busy={!settled || times.isFetching || undefined} data-next-times>
      <h2 id="next">{t.nextTitle}</h2>
      <div role="status">
        {!expression ? (
          <p>{t.nextNone}</p>
        ) : times.isError ? (
          <p className={s.bad}>{wrong ? wrong.detail : problemText(times.error).sentence}</p>
        ) : (
          <ol>
            {times.data?.nextAt.map((at) => (
              <li key={at}>
                <time dateTime={at}>{inZone(at, asked.zone)}</time>
              </li>
            ))}
          </ol>
        )}
      </div>
      <p className={s.quiet}>{paused ? t.nextPaused : t.nextAt(zone)}</p>
    </section>
  );
}
