//! Rooms of members: what this node shows of itself on each link, and whom it believes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use waterfall_keys::openpgp::{self, Certificate, SecretKey};
use waterfall_media::forward::LinkId;
use waterfall_signal::Signal;
use waterfall_tree::Input;
use waterfall_wire::{Certified, Epoch, Fingerprint, LinkMessage, NodeId, RoomId};

use super::links::Proof;
use super::secrets::Secrets;
use super::{Done, Driver, Lookup};
use crate::clock::unix_now;
use crate::member::Member;

/// Messages that wait while a credential is checked: by then the other end has said hello and wants to attach.
const HELD: usize = 32;

/// What a node of a room of members knows of its own and the others' membership.
#[derive(Debug)]
pub(crate) struct Membership {
    owner: Certificate,
    /// What every link is shown first.
    credential: Certified,
    chunk_count: u16,
    /// Who is in the chunks that were needed so far; no more lists than the charter has chunks.
    lists: Mutex<BTreeMap<u16, Arc<BTreeSet<Fingerprint>>>>,
}

/// Why a credential is not believed.
#[derive(Debug, thiserror::Error)]
enum CredentialError {
    #[error(transparent)]
    Certification(#[from] openpgp::VerifyError),
    #[error("the room's list of members could not be read: {0}")]
    NoList(#[from] crate::JoinError),
    #[error("the check was cut short")]
    Closed,
}

impl Membership {
    /// Certifies a node as the key holder's.
    pub(crate) fn new(
        room: &RoomId,
        epoch: Epoch,
        node: &NodeId,
        key: &SecretKey,
        owner: Certificate,
        chunk_count: u16,
    ) -> Result<Self, openpgp::CertifyError> {
        let credential = openpgp::certify_node(room, epoch, node, key, unix_now())?;
        Ok(Self { owner, credential, chunk_count, lists: Mutex::default() })
    }

    /// As somebody else would have it: another node's credential in the place of our own.
    #[cfg(test)]
    pub(crate) fn showing(&self, credential: Certified) -> Self {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { owner: self.owner.clone(), credential, chunk_count: self.chunk_count, lists: Mutex::new(lists) }
    }

    pub(crate) fn owner(&self) -> Member {
        Member::of(&self.owner)
    }

    /// What every link is shown first.
    pub(crate) fn credential(&self) -> &Certified {
        &self.credential
    }

    /// Notes who a chunk is for.
    pub(crate) fn learn(&self, chunk: u16, recipients: Vec<Fingerprint>) -> Arc<BTreeSet<Fingerprint>> {
        let list: Arc<BTreeSet<_>> = Arc::new(recipients.into_iter().collect());
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert(chunk, list.clone());
        list
    }

    async fn list(
        &self,
        signal: &Signal,
        secrets: &Secrets,
        chunk: u16,
    ) -> Result<Arc<BTreeSet<Fingerprint>>, crate::JoinError> {
        let known = self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(&chunk).cloned();
        if let Some(list) = known {
            return Ok(list);
        }
        let lookup = Lookup::new(signal, secrets.room, secrets.locator.clone());
        Ok(self.learn(chunk, lookup.recipients(secrets, chunk).await?))
    }

    /// Whose node this is, if its holder is a member.
    async fn verify(
        &self,
        signal: &Signal,
        secrets: &Secrets,
        peer: NodeId,
        credential: Certified,
    ) -> Result<Member, CredentialError> {
        let (room, epoch) = (secrets.room, secrets.epoch);
        let claimed = openpgp::claimed_by(&credential)?;
        let chunk = openpgp::members::chunk_index(&claimed, self.chunk_count);
        let owner = self.owner.fingerprint();
        let list = if claimed == owner { Arc::default() } else { self.list(signal, secrets, chunk).await? };
        // RSA takes its time: not on an async thread.
        let verified = tokio::task::spawn_blocking(move || {
            let is_member = |who: &Fingerprint| *who == owner || list.contains(who);
            openpgp::verify_node(&credential, &room, epoch, &peer, unix_now(), is_member)
        });
        Ok(Member::of(&verified.await.map_err(|_| CredentialError::Closed)??))
    }
}

impl Driver {
    /// What a new link has to prove.
    pub(super) fn proof_wanted(&self) -> Proof {
        if self.secrets.membership.is_some() { Proof::Awaited } else { Proof::Given(None) }
    }

    /// Both ends can talk: we say who we are, and the tree hears of it once the other end has.
    pub(super) fn link_up(&mut self, peer: &NodeId) {
        let Some(link) = self.links.get_mut(peer) else { return };
        link.up = true;
        let open = link.is_open();
        if let Some(membership) = &self.secrets.membership {
            self.send(peer, &LinkMessage::Credential(membership.credential().clone()));
        }
        if open {
            let now = self.now();
            self.tree.handle(now, Input::LinkUp { peer: *peer });
        }
    }

    /// Hands a message on if its sender has proved to be a member. Otherwise it must be the proof, or wait for it.
    pub(super) fn unless_unproven(&mut self, peer: NodeId, id: LinkId, message: LinkMessage) -> Option<LinkMessage> {
        let link = self.links.get_mut(&peer)?;
        match (&mut link.proof, message) {
            (Proof::Given(_), message) => return Some(message),
            (Proof::Awaited, LinkMessage::Credential(credential)) => {
                link.proof = Proof::Checking(Vec::new());
                let (shared, secrets) = (self.shared.clone(), self.secrets.clone());
                self.tasks.push(Box::pin(async move {
                    let Some(membership) = &secrets.membership else {
                        return Done::Proven { peer, link: id, member: None };
                    };
                    let member = membership.verify(&shared.signal, &secrets, peer, credential).await;
                    let member = member.inspect_err(|error| tracing::warn!(%peer, %error, "not taken for a member"));
                    Done::Proven { peer, link: id, member: member.ok() }
                }));
            }
            (Proof::Checking(held), message) if held.len() < HELD => held.push(message),
            (Proof::Awaited | Proof::Checking(_), _) => {
                tracing::debug!(%peer, "talks without a proof of membership");
                self.disown(&peer);
            }
        }
        None
    }

    /// A credential was checked.
    pub(super) fn proven(&mut self, peer: NodeId, id: LinkId, member: Option<Member>) {
        let Some(link) = self.links.get_mut(&peer).filter(|link| link.id == id) else { return };
        let Some(member) = member else { return self.disown(&peer) };
        let Proof::Checking(held) = std::mem::replace(&mut link.proof, Proof::Given(Some(member))) else { return };
        if link.is_open() {
            let now = self.now();
            self.tree.handle(now, Input::LinkUp { peer });
            self.drain_tree();
        }
        for message in held {
            if self.links.get(&peer).is_some_and(|link| link.id == id) {
                self.take_link_message(peer, message);
            }
        }
    }

    /// Ends a link to someone who is no member.
    fn disown(&mut self, peer: &NodeId) {
        self.refused += 1;
        let calling = self.links.get(peer).is_some_and(|link| link.is_calling());
        let Some(link) = self.links.remove(peer) else { return };
        self.shared.engine.close(link);
        let now = self.now();
        let peer = *peer;
        self.tree.handle(now, if calling { Input::CallFailed { peer } } else { Input::LinkDown { peer } });
    }
}
