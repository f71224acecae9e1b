/**
 * Hooks for React 18 and later: each shows a store of the client, and nothing is kept here.
 *
 * The client is made outside of components, so that no render makes a second one.
 */

import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useSyncExternalStore,
} from "react";
import type {
  Client,
  ConnectionView,
  ConversationListStore,
  ConversationListView,
  ConversationStore,
  ConversationView,
  DealStore,
  DealStoreView,
  OutboxEntry,
  Watchable,
} from "./index.ts";

const Context = createContext<Client | undefined>(undefined);

/**
 * Gives a client to the components below, and connects it for as long as they are there.
 *
 * The last that goes closes the client a moment later (`closeDelay`), so that a component which is
 * mounted twice, as in StrictMode, has one socket.
 */
export function ParleyProvider(props: { client: Client; children?: ReactNode }): ReactElement {
  const { client, children } = props;
  useEffect(() => {
    client.retain();
    return () => client.release();
  }, [client]);
  return createElement(Context.Provider, { value: client }, children);
}

/** The client of the nearest provider. Throws an Error where there is none. */
export function useClient(): Client {
  const client = useContext(Context);
  if (!client) throw new Error("there is no ParleyProvider above this component");
  return client;
}

/** What a store shows now. The component renders again when that changes. */
export function useStore<Snapshot>({ subscribe, getSnapshot }: Watchable<Snapshot>): Snapshot {
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}

/** How the connection stands. */
export function useConnection(): ConnectionView {
  return useStore(useClient().connection);
}

/** What is on its way, or was refused. */
export function usePending(): readonly OutboxEntry[] {
  return useStore(useClient().pending);
}

/** The list of conversations, and its store. */
export function useConversations(): [ConversationListView, ConversationListStore] {
  return useBoth(useClient().conversationList);
}

/** A conversation, and its store, by which things are said. */
export function useConversation(id: string): [ConversationView, ConversationStore] {
  return useBoth(useClient().conversation(id));
}

/** The conversation with a person about a subject, and its store. */
export function useConversationWith(
  user: string,
  subject?: string,
): [ConversationView, ConversationStore] {
  return useBoth(useClient().conversationWith(user, subject === undefined ? {} : { subject }));
}

/** A deal by its id, and its store. That of a conversation is shown by `useStore(conversation.deal)`. */
export function useDeal(service: string): [DealStoreView, DealStore] {
  return useBoth(useClient().deal(service));
}

function useBoth<Snapshot, Store extends Watchable<Snapshot>>(store: Store): [Snapshot, Store] {
  return [useStore<Snapshot>(store), store];
}
