import type { DisputeStore, DisputeView } from "@parley/client";
import type { JSX } from "preact";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { Icon } from "../../shared/components/Icon.tsx";
import { addressOf, type Path } from "../../shared/router.ts";
import { useSnapshot } from "../../shared/stores.ts";
import { useLate } from "../forms/commands.ts";
import { refusalWords } from "../forms/refusals.ts";
import { usePages } from "../lists/pages.ts";
import { t } from "../messages.ts";
import { useRemembered } from "../remembered.ts";
import { isRestricted } from "../sanction/restricted.ts";
import { useSession } from "../session.ts";
import { Dispute } from "./Dispute.tsx";

/** The page of a dispute, which the address names. */
export function DisputeScreen({ path: [id = ""] }: { readonly path: Path }): JSX.Element {
  const { client } = useSession();
  const isOut = isRestricted(useSnapshot(client.connection));
  return (
    <section class="page dispute">
      {isOut ? (
        <OverHttp key={id} id={id} />
      ) : (
        <OverSocket key={id} store={client.dispute(id)} id={id} />
      )}
    </section>
  );
}

interface SocketProps {
  readonly id: string;
  readonly store: DisputeStore;
}

function OverSocket({ id, store }: SocketProps): JSX.Element {
  const { client } = useSession();
  const view = useSnapshot(store);
  const { state } = useSnapshot(client.connection);
  const kept = useRemembered<DisputeView>(`dispute ${id}`, view.dispute);
  const dispute = view.dispute ?? kept;
  const isLate = useLate(view.loading === "loading" && state === "live");
  return (
    <>
      <Back dispute={dispute} />
      {view.loading === "failed" && state === "live" && (
        <Banner
          kind="error"
          actions={<Button onClick={() => store.reload()}>{t("action.again")}</Button>}
        >
          {refusalWords(view.error)}
        </Banner>
      )}
      {isLate && <Banner kind="warning">{t("waiting.late_list")}</Banner>}
      {dispute ? (
        <Dispute
          dispute={dispute}
          acts={store}
          report={(number, options) => store.reportStatement(number, options)}
        />
      ) : (
        <Empty isLoading={view.loading !== "failed"} />
      )}
    </>
  );
}

/** For who is let into no socket. */
function OverHttp({ id }: { readonly id: string }): JSX.Element {
  const { http } = useSession();
  const listed = usePages(() => http.disputes());
  const dispute = listed.items.find((one) => one.dispute === id);
  return (
    <>
      <Back dispute={undefined} />
      {listed.loading === "failed" && (
        <Banner kind="error" actions={<Button onClick={listed.reload}>{t("action.again")}</Button>}>
          {refusalWords(listed.error)}
        </Banner>
      )}
      {dispute ? (
        <Dispute dispute={dispute} acts={http.dispute(id)} onDone={listed.reload} />
      ) : (
        <Empty isLoading={listed.loading === "loading"} />
      )}
      {listed.more && <Button onClick={listed.more}>{t("report.more")}</Button>}
    </>
  );
}

function Empty({ isLoading }: { readonly isLoading: boolean }): JSX.Element {
  return (
    <>
      <h1>{t("dispute.title")}</h1>
      <p class="muted">{t(isLoading ? "inbox.loading" : "dispute.not_found")}</p>
    </>
  );
}

function Back({ dispute }: { readonly dispute: DisputeView | undefined }): JSX.Element {
  return (
    <p>
      <a href={dispute ? addressOf("c", dispute.conversation) : addressOf("standing")}>
        <Icon name="back" /> {t(dispute ? "conversation.open" : "sanction.title")}
      </a>
    </p>
  );
}
