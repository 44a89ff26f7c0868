// A new credential of an application: what is typed is sent once and never shown.
import { Field, Input, Select, Textarea } from '@fluentui/react-components';
import { credential as t } from '../texts';
import type { Fault, Faults } from './FormDialog';

export interface NewCredential {
  kind: 'client_secret' | 'certificate';
  clientSecret: string;
  certificate: string;
}

export const emptyCredential: NewCredential = { kind: 'client_secret', clientSecret: '', certificate: '' };

/** What the API takes of it. */
export const credentialInput = (c: NewCredential) => (c.kind === 'client_secret' ? { kind: c.kind, clientSecret: c.clientSecret.trim() } : { kind: c.kind, certificate: c.certificate.trim() });

export function credentialFaults(c: NewCredential): Faults {
  if (c.kind === 'client_secret') return c.clientSecret.trim() ? {} : { 'credential.clientSecret': t.missingSecret };
  return c.certificate.trim() ? {} : { 'credential.certificate': t.missingCertificate };
}

export function CredentialFields({ value, onChange, fault }: { value: NewCredential; onChange: (next: NewCredential) => void; fault: Fault }) {
  return (
    <>
      <Field label={t.kind}>
        <Select value={value.kind} onChange={(_, d) => onChange({ ...emptyCredential, kind: d.value as NewCredential['kind'] })}>
          {Object.entries(t.kinds).map(([kind, label]) => (
            <option key={kind} value={kind}>
              {label}
            </option>
          ))}
        </Select>
      </Field>
      {value.kind === 'client_secret' ? (
        <Field label={t.secret} required hint={t.secretHint} {...fault('credential.clientSecret')}>
          <Input type="password" autoComplete="off" maxLength={1024} value={value.clientSecret} onChange={(_, d) => onChange({ ...value, clientSecret: d.value })} />
        </Field>
      ) : (
        <Field label={t.certificate} required hint={t.certificateHint} {...fault('credential.certificate')}>
          <Textarea
            rows={6}
            autoComplete="off"
            spellCheck={false}
            maxLength={32_768}
            value={value.certificate}
            onChange={(_, d) => onChange({ ...value, certificate: d.value })}
          />
        </Field>
      )}
    </>
  );
}
