// A new backup set in two steps: what it holds, then its name. The set exists at
// once; its page shows how it is filled.
import { Button, Checkbox, Field, Input, Textarea } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { MOST_NAMED } from '../../api/limits';
import { usePolicyTypes } from '../../api/policyTypes';
import type { components } from '../../api/schema';
import { start } from '../../api/start';
import type { Overview, Policy, Selection } from '../../api/types';
import { serverNow } from '../../format/clock';
import { follow } from '../../shell/activity';
import { announce } from '../../shell/announce';
import { useTenant } from '../../shell/tenant';
import { common, policies as pt, setNew as t, sets } from '../../texts';
import { ForRole } from '../../ui/CommandLink';
import { FilterBar, FilterMenu, FilterSearch } from '../../ui/FilterBar';
import { Link } from '../../ui/links';
import { ProblemNotice } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { PolicyPicker } from '../../ui/PolicyPicker';
import { TypeFilter } from '../../ui/TypeFilter';
import { useFilters } from '../../ui/useFilters';
import { useMarks } from '../../ui/useMarks';
import { useUnsaved } from '../../ui/useUnsaved';
import { platformOptions } from '../policies/platforms';
import s from './set-new.module.css';

const route = getRouteApi('/shell/t/$tenant/sets/new');
type PolicyList = components['schemas']['ListPolicyView'];
const FROM = ['tenant', 'filter', 'policies'] as const;
const COUNTED = 200; // one page; beyond that the count says "or more"

export function SetNewPage() {
  const { tenant } = route.useParams();
  const search = route.useSearch();
  const of = useTenant();
  const navigate = useNavigate();
  const client = useQueryClient();
  const filters = useFilters(search, ['q', 'type', 'platform']);
  const from = FROM.find((each) => each === search.from) ?? 'tenant';
  const step = search.step ?? 'pick';
  const { marks, ids, select } = useMarks<Policy>(`policies ${tenant}`);
  const suggested = `${of?.name ?? ''} ${new Date(serverNow()).toISOString().slice(0, 10)}`.trim().slice(0, 200);
  const [form, setForm] = useState<Form>({ note: '', foundations: true, capture: true });
  const question = useUnsaved(Boolean(form.note || (form.name !== undefined && form.name !== suggested)));

  const overview = useQuery<Overview>({ queryKey: keys.of(tenant, 'overview'), queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/overview', { params: { path: { tenant } }, signal })) });
  const types = usePolicyTypes(tenant);
  const filtered = Boolean(search.q || search.type || search.platform);
  const asked = { q: search.q, type: search.type, platform: search.platform, state: 'present' as const, pageSize: COUNTED };
  const matching = useQuery<PolicyList>({
    queryKey: keys.of(tenant, 'policies', asked),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/policies', { params: { path: { tenant }, query: asked }, signal })),
    enabled: from === 'filter' && filtered,
  });

  const selection: Selection = from === 'tenant' ? { all: true } : from === 'filter' ? { search: search.q, types: search.type, platforms: search.platform } : { policies: [...marks.keys()] };
  const count = from === 'tenant' ? overview.data?.coverage?.policies : from === 'policies' ? marks.size : matching.data && !matching.data.nextPageToken ? matching.data.items.length : undefined;
  const chosen = from === 'tenant' || (from === 'filter' ? filtered : marks.size > 0 && marks.size <= MOST_NAMED);
  const says =
    from === 'tenant'
      ? overview.data && !overview.data.syncedAt
        ? t.notSynced
        : t.wholeTenant(count)
      : from === 'policies'
        ? marks.size > MOST_NAMED
          ? t.tooMany
          : t.chosen(marks.size)
        : !filtered
          ? t.nothing
          : matching.data
            ? t.running(matching.data.items.length, Boolean(matching.data.nextPageToken))
            : common.loading;

  return (
    <Page
      title={t.title}
      crumbs={<Link to="/t/$tenant/sets" params={{ tenant }}>{sets.title}</Link>}
      sentence={t.step(step === 'pick' ? 1 : 2, 2, t.stepNames[step] ?? '')}
    >
      {step === 'pick' ? (
        <>
          <fieldset className={s.choices}>
            <legend>{t.from}</legend>
            {FROM.map((each) => (
              <label key={each} className={s.choice}>
                <input type="radio" name="from" checked={from === each} onChange={() => filters.set({ from: each === 'tenant' ? undefined : each, q: undefined, type: undefined, platform: undefined })} />
                <span>{t.choices[each]}</span>
                <span className={s.hint}>{t.choiceNotes[each]}</span>
              </label>
            ))}
          </fieldset>
          {from === 'filter' ? (
            <FilterBar active={filters.active} clear={filters.clear}>
              <FilterSearch label={pt.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
              <TypeFilter label={pt.filters.type} types={types.data?.items} value={search.type} onChange={(type) => filters.set({ type })} />
              <FilterMenu label={pt.filters.platform} options={platformOptions} value={search.platform} onChange={(platform) => filters.set({ platform })} />
            </FilterBar>
          ) : null}
          <div className={s.options}>
            <span className={s.count} role="status">
              {says}
            </span>
            <span>
              <ForRole role={of?.role} need="operator" label={t.next}>
                <Button appearance="primary" disabledFocusable={!chosen} onClick={() => chosen && filters.go({ step: 'options' })}>
                  {t.next}
                </Button>
              </ForRole>
            </span>
          </div>
          {from === 'policies' ? (
            <PolicyPicker
              tenant={tenant}
              q={search.q}
              type={search.type}
              onFilter={(change, typing) => filters.set(change, typing)}
              chosen={ids}
              onChoose={(next, rows) => select(next, rows, (p) => p.id)}
            />
          ) : null}
        </>
      ) : (
        <Options
          says={says}
          chosen={chosen}
          label={from === 'tenant' ? t.createWhole : t.create(count)}
          form={{ ...form, name: form.name ?? suggested }}
          change={(part) => setForm((before) => ({ ...before, ...part }))}
          back={() => filters.go({ step: undefined })}
          create={async (options, key) => {
            const made = await start<components['schemas']['BackupSetStartBody']>(
              (id) => api.POST('/v1/tenants/{tenant}/backup-sets', { params: { path: { tenant }, header: { 'Idempotency-Key': id } }, body: { ...options, selection } }),
              key,
            );
            if (made.run) {
              follow(made.run);
              announce(common.queued);
            }
            void client.invalidateQueries({ queryKey: keys.of(tenant, 'sets') });
            await navigate({ to: '/t/$tenant/sets/$set', params: { tenant, set: made.backupSet.id }, ignoreBlocker: true });
          }}
        />
      )}
      {question}
    </Page>
  );
}

interface Form {
  /** Absent until somebody changes the suggested one. */
  name?: string;
  note: string;
  foundations: boolean;
  capture: boolean;
}

interface OptionsProps {
  says: string;
  chosen: boolean;
  label: string;
  form: Form & { name: string };
  change: (part: Partial<Form>) => void;
  back: () => void;
  create: (options: { name: string; note?: string; includeFoundations: boolean; capture: boolean }, key: string) => Promise<void>;
}

function Options({ says, chosen, label, form, change, back, create }: OptionsProps) {
  const { name, note, foundations, capture } = form;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [wrong, setWrong] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const under = useRef(false);
  // One key for what the form says: sent twice, it makes one set.
  const key = useRef({ of: '', key: '' });

  const submit = async () => {
    if (under.current || !chosen) return;
    if (!name.trim()) {
      setWrong(true);
      field.current?.focus();
      return;
    }
    under.current = true;
    setBusy(true);
    setError(null);
    const options = { name: name.trim(), note: note.trim() || undefined, includeFoundations: foundations, capture };
    const of = JSON.stringify([options, says]);
    if (key.current.of !== of) key.current = { of, key: crypto.randomUUID() };
    try {
      await create(options, key.current.key);
    } catch (err) {
      setError(err);
    } finally {
      under.current = false;
      setBusy(false);
    }
  };
  return (
    <form
      noValidate
      className={s.options}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <span className={s.count} role="status">
        {says}
      </span>
      <Field label={t.name} required validationMessage={wrong && !name.trim() ? t.needsName : undefined}>
        <Input ref={field} value={name} maxLength={200} onChange={(_, d) => change({ name: d.value })} />
      </Field>
      <Field label={t.note} hint={t.noteHint}>
        <Textarea value={note} maxLength={2000} onChange={(_, d) => change({ note: d.value })} />
      </Field>
      <div className={s.check}>
        <Checkbox label={t.foundations} checked={foundations} onChange={(_, d) => change({ foundations: d.checked === true })} />
        <span className={s.hint}>{t.foundationsHint}</span>
      </div>
      <div className={s.check}>
        <Checkbox label={t.capture} checked={capture} onChange={(_, d) => change({ capture: d.checked === true })} />
        <span className={s.hint}>{t.captureHint}</span>
      </div>
      {error ? <ProblemNotice error={error} retry={() => void submit()} /> : null}
      <span>
        <Button appearance="primary" type="submit" disabledFocusable={busy || !chosen}>
          {busy ? t.creating : label}
        </Button>{' '}
        <Button onClick={back}>{t.back}</Button>
      </span>
    </form>
  );
}
