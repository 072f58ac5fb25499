% rebase('base.tpl', title=app_title)
<h1>Long address in, short link out.</h1>

<form class="maker" method="post" action="{{url('index')}}">
  <div>
    <label for="target">Long address</label>
    <input id="target" name="target" type="url" required maxlength="2000"
      placeholder="https://" value="{{target}}"
      {{!'aria-invalid="true" aria-describedby="problem"' if problem else ''}}>
  </div>
  <div class="code">
    <label for="code">Code, if you want to choose</label>
    <input id="code" name="code" maxlength="32" pattern="[A-Za-z0-9][A-Za-z0-9\-]+"
      autocomplete="off" autocapitalize="none" spellcheck="false"
      title="2 to 32 letters, digits or hyphens" value="{{code}}">
  </div>
  <button>Shorten</button>
</form>
% if problem:
<p class="problem" id="problem" role="alert">{{problem}}</p>
% end
% if made:
<section class="made" role="status">
  <p>Your short link</p>
  <p class="big"><a href="{{url('follow', code=made.code)}}">{{origin}}{{url('follow', code=made.code)}}</a></p>
  <p class="to">leads to {{made.target}}</p>
</section>
% end

<h2>{{len(links)}} {{'link' if len(links) == 1 else 'links'}}</h2>
<div class="scroll">
<table role="table">
  <thead>
    <tr role="row"><th scope="col">Short</th><th scope="col">Leads to</th><th scope="col" class="number">Followed</th></tr>
  </thead>
  <tbody>
    % for link in links:
    <tr role="row">
      <th scope="row" role="rowheader"><a href="{{url('follow', code=link.code)}}">/{{link.code}}</a></th>
      <td role="cell"><strong>{{link.host}}</strong> <span class="target">{{link.target}}</span></td>
      <td class="number" role="cell">{{link.hits}}<span class="narrow"> {{'time' if link.hits == 1 else 'times'}}</span></td>
    </tr>
    % end
  </tbody>
</table>
</div>
